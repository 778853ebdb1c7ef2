/** The fact sheets, vectors, telegrams and exchanges that stand beside the project; a test without them passes over. @module */

const SHARED = new URL("../../../shared/", import.meta.url);

/** One message of `iec-vectors.json`. */
export interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly hex: string;
  readonly meaning: string;
}

/** One telegram of the corpus with what must be found in it. */
export interface Specimen {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly expected: readonly { address: string; values: readonly { value: string; unit: string | null }[] }[];
  readonly checks: { bcc?: { ok: boolean | null }; crc16?: { ok: boolean | null } | { ok: boolean | null }[] };
  readonly broken?: boolean;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(new URL(path, SHARED));
    return true;
  } catch {
    return false;
  }
}

/** Whether they are there. */
export const hasVectors: boolean = exists("specs/iec-vectors.json");
export const hasCorpus: boolean = exists("corpus/");
export const hasExchanges: boolean = exists("exchanges/");

/** `2f3f21` → bytes. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9A-Fa-f]{2}/g) ?? [], (pair) => parseInt(pair, 16));
}

/** All vectors by name. */
export function vectors(): Map<string, Vector> {
  const list: Vector[] = JSON.parse(Deno.readTextFileSync(new URL("specs/iec-vectors.json", SHARED)));
  return new Map(list.map((vector) => [vector.name, vector]));
}

/** The numbers of the traps, section 12 of the fact sheet. */
export function trapNumbers(): number[] {
  const text = Deno.readTextFileSync(new URL("specs/iec62056-21.md", SHARED));
  const section = /^## 12\. [^]*?(?=^## 13\. )/m.exec(text)![0];
  return [...section.matchAll(/^\| (\d+) \|/gm)].map(([_, number]) => Number(number));
}

/** All telegrams of the corpus, by number. */
export function corpus(): Specimen[] {
  const folder = new URL("corpus/", SHARED);
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => ({
    ...JSON.parse(Deno.readTextFileSync(new URL(name, folder))),
    name,
    bytes: Deno.readFileSync(new URL(name.replace(".json", ".txt"), folder)),
  }));
}

/** All exchanges, as they were written down, by their numbers. */
export function exchanges(): Map<string, string> {
  const folder = new URL("exchanges/", SHARED);
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) => /^\d+-/.test(name)).sort();
  return new Map(names.map((name) => [name.slice(0, 3), Deno.readTextFileSync(new URL(name, folder))]));
}

/** The bytes of an exchange, `>` and `<`, by its number. */
export function exchange(number: string): { readonly direction: ">" | "<"; readonly bytes: Uint8Array }[] {
  const block = /```hex\n([\s\S]*?)```/.exec(exchanges().get(number)!)![1]!;
  return block.trim().split("\n").map((line) => ({
    direction: line[0] as ">" | "<",
    bytes: fromHex(line.slice(2)),
  }));
}
