/** What is tried to find a meter, in which order, and how long it may take. @module */
import { type Endpoint, formatEndpoint } from "../transport/endpoint.ts";

/** One way to hear of a meter. */
export interface Attempt {
  /** `auto`: a meter is asked who it is; `D`: it is listened for one that speaks by itself. */
  readonly mode: "auto" | "D";
  /** The endpoint with the options that make it so: what a configuration needs. */
  readonly url: string;
  /** For a person: `asks at 300 7E1`. */
  readonly what: string;
  /** Until the meter has been heard of. */
  readonly atMostMs: number;
  /** Only worth it if something has come that nobody could read. */
  readonly ifHeard: boolean;
}

/** Three requests, each waited for two seconds, and the characters in both directions. */
const ASK_MS = 9_000;
/** The slowest pushes that are usual come each ten seconds. */
const LISTEN_MS = 12_000;

type Options = Readonly<Record<string, string>>;

const SOFTWARE: Options = { parity_in_software: "true" };
const PLAIN: Options = { data_bits: "8", parity: "none" };

/** Mode, options, whether only after noise. */
type Row = [mode: Attempt["mode"], options: Options, ifHeard?: true];

/** A port whose speed we set: the standard first, then what makers do. */
const ON_PORT: Row[] = [
  ["auto", {}],
  ["auto", SOFTWARE],
  ["D", {}],
  ["D", { baud: "9600" }, true],
  ["D", { baud: "115200", ...PLAIN }],
  ["D", { baud: "9600", ...PLAIN }, true],
  ["D", { baud: "300" }, true],
  ["D", SOFTWARE, true],
  ["D", { baud: "9600", ...SOFTWARE }, true],
  ["auto", { baud: "9600" }],
  ["auto", { baud: "9600", ...PLAIN }],
  ["auto", { baud: "2400" }],
  ["auto", { baud: "4800" }],
  ["auto", { baud: "1200" }],
  ["auto", { baud: "19200" }],
];

/** Behind TCP the converter has the speed, and perhaps no parity. */
const ON_TCP: Row[] = [["auto", {}], ["auto", SOFTWARE], ["D", {}], ["D", SOFTWARE, true]];

/** All that is tried at an endpoint; what was written behind it stays as it was written. */
export function attemptsAt(endpoint: Endpoint, given: Options): Attempt[] {
  const rows = endpoint.kind === "tcp" ? ON_TCP : ON_PORT;
  const attempts = rows.map(([mode, options, ifHeard = false]): Attempt => {
    const all = { ...options, ...given };
    const query = Object.entries(all).map(([key, value]) => `${key}=${value}`).join("&");
    return {
      mode,
      url: formatEndpoint(endpoint) + (query && `?${query}`),
      what: describe(mode, all, endpoint.kind === "tcp"),
      atMostMs: (mode === "D" ? LISTEN_MS : ASK_MS) + (endpoint.kind === "tcp" ? 1000 : 0),
      ifHeard,
    };
  });
  return attempts.filter(({ mode, url }, at) =>
    attempts.findIndex((other) => other.mode === mode && other.url === url) === at
  );
}

function describe(mode: Attempt["mode"], options: Options, isTcp: boolean): string {
  const { baud = mode === "D" ? "2400" : "300", data_bits: bits = "7", parity = "even" } = options;
  const format = options.parity_in_software === "true"
    ? "8N1, parity in software"
    : `${bits}${parity[0]!.toUpperCase()}1`;
  const speed = isTcp
    ? (options.parity_in_software === "true" ? "with parity in software" : "as the converter has it")
    : `at ${baud} Bd ${format}`;
  return mode === "D" ? `listens ${speed}` : `asks /?! ${speed}`;
}

/** How long all of it takes at most, ms, if nobody is there. */
export function longestMs(attempts: readonly Attempt[], addresses: number): number {
  return attempts.reduce((sum, { mode, atMostMs }) => sum + atMostMs * (mode === "D" ? 1 : Math.max(1, addresses)), 0);
}
