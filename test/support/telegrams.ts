/** Telegrams for tests, without a protocol: from data sets as a meter writes them, and from the corpus. @module */
import type { DataSet, DataValue, Telegram } from "../../src/telegram.ts";

/** 2024-06-01T14:30:00.250Z. */
export const AT_MS = 1717252200250;

/** A whole mode C telegram of these data sets: `1.6.1(3.2*kW)(2401011230)`; a line may begin with `(`. */
export function telegramOf(lines: readonly string[], overrides: Partial<Telegram> = {}): Telegram {
  return {
    mode: "C",
    block: { sets: lines.map(dataSet), damaged: [], complete: true },
    check: { kind: "bcc", result: "good" },
    atMs: AT_MS,
    bytes: new Uint8Array(),
    ...overrides,
  };
}

/** An identification whose maker and speed stand where the standard wants them. */
export function identified(line: string): Pick<Telegram, "identification"> {
  const [maker, baudCharacter, text] = [line.slice(1, 4), line.slice(4, 5), line.slice(5)];
  return { identification: { line, maker, baudCharacter, escapes: [], text } };
}

function dataSet(line: string): DataSet {
  const open = line.indexOf("(");
  return { address: line.slice(0, open), values: line.slice(open + 1, -1).split(")(").map(dataValue) };
}

function dataValue(bracket: string): DataValue {
  const star = bracket.indexOf("*");
  return star < 0 ? { text: bracket } : { text: bracket.slice(0, star), unit: bracket.slice(star + 1) };
}

/** A file of the corpus and what a reader must find in it. */
export interface CorpusFile {
  readonly name: string;
  readonly text: string;
  readonly telegram: Telegram;
}

interface GroundTruth {
  readonly identification: string | null;
  readonly expected: readonly {
    readonly address: string;
    readonly values: readonly { readonly value: string; readonly unit: string | null }[];
  }[];
}

/** The corpus beside the project, or undefined where it is not; two telegrams of one file become one. */
export async function corpus(): Promise<CorpusFile[] | undefined> {
  const folder = new URL("../../../shared/corpus/", import.meta.url);
  const names = await Array.fromAsync(Deno.readDir(folder), (entry) => entry.name).catch(() => undefined);
  if (!names) return undefined;
  return await Promise.all(
    names.filter((name) => name.endsWith(".json")).sort().map(async (name) => {
      const truth: GroundTruth = JSON.parse(await Deno.readTextFile(new URL(name, folder)));
      const bytes = await Deno.readFile(new URL(name.replace(/json$/, "txt"), folder));
      const sets = truth.expected.map(({ address, values }) => ({
        address,
        values: values.map(({ value, unit }) => unit === null ? { text: value } : { text: value, unit }),
      }));
      const telegram = telegramOf([], {
        block: { sets, damaged: [], complete: true },
        ...truth.identification && identified(truth.identification),
      });
      return { name, text: new TextDecoder("latin1").decode(bytes), telegram };
    }),
  );
}
