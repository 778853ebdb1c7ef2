/** Writes found meters into a configuration: a new one, or one that is there, whose words and comments stay. @module */
import { dirname, resolve } from "node:path";
import { Document, Pair, parseDocument, Scalar, YAMLMap, YAMLSeq } from "yaml";
import { type Config, DEFAULT_CONFIG_PATH, loadConfig, type MeterConfig } from "../config.ts";
import { ConfigError } from "../errors.ts";
import * as libc from "../libc.ts";
import { formatEndpoint, parseEndpoint } from "../transport/endpoint.ts";
import type { About } from "./about.ts";
import { furtherWays, toFillIn } from "./advice.ts";
import { type FoundDlms, isOpen, type ShownValue } from "./dlms_meter.ts";

/** What became of the meters. */
export interface Written {
  readonly path: string;
  /** Whether there was no such file before. */
  readonly isNew: boolean;
  /** Names of the meters that were added. */
  readonly added: readonly string[];
  /** Meters that stood there already, by their names there. */
  readonly known: readonly string[];
}

/** A name has 63 characters at most; of a long number, the last ones tell meters apart. */
const SERIAL_CHARACTERS = 24;

/** What a new configuration has besides lines and meters. */
const around = (path: string) => {
  const isServices = path === DEFAULT_CONFIG_PATH;
  const file = "readings-%Y-%m-%d.csv";
  return {
    head:
      "# Written by obisd discover; config/obisd.yaml explains every option, obisd check says whether all is right.\n",
    tail: `sinks:\n  - { type: csv, path: "${isServices ? `/var/lib/obisd/${file}` : file}" } # a file each day\n${
      isServices ? "" : "journal: { path: journal.db }\n"
    }`,
  };
};

/**
 * Adds meters to the configuration at `path`, each with all codes that it says; what is there is not changed. The file
 * is checked before it takes the place of the old one, all at once.
 * @throws {ConfigError} the file that is there has faults, or what is added does not fit it
 */
export async function writeConfiguration(path: string, meters: readonly (About | FoundDlms)[]): Promise<Written> {
  const file = libc.realPath(path) ?? resolve(path);
  const isNew = await isMissing(file);
  const old = isNew ? undefined : await loadConfig(file, { missingSecrets: "warning" });
  const additions = new Additions(old);
  const [added, known]: [string[], string[]] = [[], []];
  for (const meter of meters) {
    const already = old && alreadyThere(meter, old);
    if (already !== undefined) known.push(already);
    else added.push("way" in meter ? additions.addDlms(meter) : additions.add(meter));
  }
  if (added.length > 0) {
    await replace(file, isNew ? newText(file, additions) : addedText(await Deno.readTextFile(file), additions), isNew);
  }
  return { path: file, isNew: isNew && added.length > 0, added, known };
}

/** The name of a configured meter on the same line with the same address; one without a number answers to each. */
function alreadyThere(
  { url, address, physical }: Pick<About, "url" | "address"> & Pick<FoundDlms, "physical">,
  { lines, meters }: Config,
): string | undefined {
  const here = lines.filter(({ endpoint }) => isSame(formatEndpoint(endpoint), url)).map(({ name }) => name);
  const isNumber = (its: number | undefined) => its === physical || its === undefined || physical === undefined;
  const isIt = ({ address: its, dlms }: MeterConfig) =>
    its === address && (dlms ? isNumber(dlms.physical) : physical === undefined);
  return meters.find((meter) => here.includes(meter.line) && isIt(meter))?.name;
}

/** Whether two endpoints are one place, whatever their options. */
function isSame(place: string, url: string): boolean {
  const other = formatEndpoint(parseEndpoint(url));
  const real = (text: string) => libc.realPath(text.replace(/^serial:\/\//, "")) ?? text;
  return place === other || real(place) === real(other);
}

/** What is added: lines and meters, as nodes of a document of their own. */
class Additions {
  readonly #taken: Set<string>;
  /** Lines by their places, with those that stand there already. */
  readonly #places: { readonly name: string; readonly place: string }[];
  readonly #document = new Document();
  readonly lines = new YAMLMap();
  readonly meters = new YAMLSeq();

  constructor(config: Config | undefined) {
    this.#taken = new Set([...config?.meters ?? [], ...config?.lines ?? []].map(({ name }) => name));
    this.#places = (config?.lines ?? []).map(({ name, endpoint }) => ({ name, place: formatEndpoint(endpoint) }));
  }

  /** @returns its name */
  add(meter: About): string {
    const [identity] = meter.identities;
    const [maker, serial] = [meter.maker.toLowerCase(), identity?.text ?? ""].map((text) =>
      text.replace(/[^A-Za-z0-9]/g, "")
    );
    const name = this.#free(`${maker || "meter"}-${serial!.slice(-SERIAL_CHARACTERS) || "1"}`);
    const node = this.#document.createNode({
      name,
      line: this.#line(meter),
      ...meter.address !== undefined && { address: quoted(meter.address) },
      ...meter.mode === "D" && { mode: "D" },
      every: meter.mode === "D" ? "1m" : "15m",
      ...identity && { expect: flow(identity.address, identity.text) },
      ...meter.openProfile && { backfill: flow("profile", meter.openProfile.address) },
      ...meter.readings.length > 0 && { obis: codes(meter) },
    });
    const comments = furtherWays(meter, name);
    if (comments.length > 0) node.comment = comments.map((line) => ` ${line}`).join("\n");
    node.commentBefore = ` ${meter.type ?? `A meter of ${meter.maker}`}: ${printable(meter.identification)}`;
    this.meters.add(node);
    return name;
  }

  /** One in mode E: as the public client sees it, and with what must be filled in where that is nothing. @returns its name */
  addDlms(meter: FoundDlms): string {
    const { way, address, physical, shown } = meter;
    const name = this.#free(
      `dlms-${(shown?.device ?? "").replace(/[^A-Za-z0-9]/g, "").slice(-SERIAL_CHARACTERS) || "1"}`,
    );
    const dlms = new YAMLMap();
    dlms.flow = true;
    dlms.add(new Pair("opening", way));
    if (physical !== undefined) dlms.add(new Pair("physical", physical));
    const node = this.#document.createNode({
      name,
      line: this.#line(meter),
      ...address !== undefined && { address: quoted(address) },
      mode: "E",
      every: way === "push" ? "1m" : "15m",
      ...shown?.device && { expect: flow("0-0:42.0.0*255", shown.device) },
      ...way !== "sign-on" && { dlms },
      ...shown?.profile?.isOpen && { backfill: flow("profile", shown.profile.name) },
      ...isOpen(meter) && { obis: dlmsCodes(shown!.values) },
    });
    node.commentBefore = " A DLMS meter; docs/dlms.md has the settings of common ones.";
    node.comment = toFillIn(meter, name).map((line) => ` ${line}`).join("\n");
    this.meters.add(node);
    return name;
  }

  /** The name of the line that ends there; a new one if there is none. */
  #line({ url }: Pick<About, "url">): string {
    const there = this.#places.find(({ place }) => isSame(place, url));
    if (there) return there.name;
    const name = this.#free(`line-${this.#places.length + 1}`);
    this.#places.push({ name, place: formatEndpoint(parseEndpoint(url)) });
    this.lines.add(new Pair(name, flow("url", url)));
    return name;
  }

  #free(wanted: string): string {
    let name = wanted;
    for (let number = 2; this.#taken.has(name); number++) name = `${wanted}-${number}`;
    this.#taken.add(name);
    return name;
  }
}

function newText(file: string, { lines, meters }: Additions): string {
  const { head, tail } = around(file);
  return `${head}lines:\n${indented(lines, 2)}meters:\n${indented(meters, 2)}${tail}`;
}

/** The text with the additions in it; all else stays to the letter, unless lines or meters stand in { } or [ ]. */
function addedText(text: string, { lines, meters }: Additions): string {
  const insertions = ([["meters", meters], ["lines", lines]] as const)
    .filter(([, { items }]) => items.length > 0)
    .map(([key, nodes]) => insertionAt(text, key, nodes))
    .sort((one, other) => other.at - one.at);
  return insertions.reduce((text, { at, until, added }) => text.slice(0, at) + added + text.slice(until), text);
}

/** Where in a text something takes the place of what stands there. */
interface Insertion {
  readonly at: number;
  readonly until: number;
  readonly added: string;
}

function insertionAt(text: string, key: "lines" | "meters", nodes: YAMLMap | YAMLSeq): Insertion {
  const there = parseDocument(text, { merge: true }).get(key) as YAMLMap | YAMLSeq;
  const [start, end] = there.range!;
  if (there.flow) {
    const all = there.clone() as YAMLMap | YAMLSeq;
    all.flow = false;
    all.items.push(...nodes.items as []);
    return { at: start, until: end, added: `\n${indented(all, 2).trimEnd()}` };
  }
  const column = start - (text.lastIndexOf("\n", start - 1) + 1);
  const before = text.slice(0, end).trimEnd().length;
  const lineEnd = text.indexOf("\n", before);
  const at = lineEnd < 0 ? text.length : lineEnd + 1;
  return { at, until: at, added: (lineEnd < 0 ? "\n" : "") + indented(nodes, column) };
}

/** The nodes as YAML in block style, so many blanks in front of each line. */
function indented(nodes: YAMLMap | YAMLSeq, blanks: number): string {
  const text = new Document(nodes).toString({ lineWidth: 0 });
  return text.split("\n").map((line) => line === "" ? "" : " ".repeat(blanks) + line).join("\n");
}

/** All that it says, as it writes it, each with what it said and what that is. */
function codes({ readings }: About): YAMLSeq {
  const list = new YAMLSeq();
  const seen = new Set([""]);
  for (const { address, text, unit, name, index } of readings) {
    if (seen.has(address) || index > 0) continue;
    seen.add(address);
    const code = quoted(address);
    code.comment = ` ${printable([`${text.trim()} ${unit}`.trim(), name].filter(Boolean).join("  "))}`;
    list.add(code);
  }
  list.commentBefore = " Take out what you do not need; without obis all is delivered.";
  return list;
}

function dlmsCodes(values: readonly ShownValue[]): YAMLSeq {
  const list = new YAMLSeq();
  for (const { obis, text, unit, name } of values) {
    const code = quoted(obis);
    code.comment = ` ${printable([`${text.trim().slice(0, 40)} ${unit}`.trim(), name].filter(Boolean).join("  "))}`;
    list.add(code);
  }
  list.commentBefore = " Take out what you do not need: each code is asked for by itself.";
  return list;
}

function quoted(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = Scalar.QUOTE_DOUBLE;
  return scalar;
}

/** `{ key: "text" }`. */
function flow(key: string, text: string): YAMLMap {
  const node = new YAMLMap();
  node.flow = true;
  node.add(new Pair(/^[a-z]+$/.test(key) ? key : quoted(key), quoted(text)));
  return node;
}

/** Fit for a comment. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, "?");
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

/** Checks the text as a configuration beside the old one, then puts it in its place. */
async function replace(file: string, text: string, isNew: boolean): Promise<void> {
  const draft = `${dirname(file)}/.${crypto.randomUUID()}.yaml`;
  const mode = isNew ? 0o644 : (await Deno.stat(file)).mode! & 0o7777;
  try {
    await Deno.writeTextFile(draft, text, { mode, createNew: true });
    await Deno.chmod(draft, mode); // whatever the umask
    await loadConfig(draft, { missingSecrets: "warning" });
    await Deno.rename(draft, file);
  } catch (error) {
    await Deno.remove(draft).catch(() => {});
    if (!(error instanceof ConfigError)) throw error;
    const faults = error.faults.map((fault) =>
      fault.path === draft ? { path: file, message: `what would be added does not fit: ${fault.message}` } : fault
    );
    throw new ConfigError(faults, { cause: error });
  }
}
