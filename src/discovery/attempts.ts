/** What is tried to find a meter, in which order, and how long it may take. @module */
import type { DlmsWay } from "./dlms_meter.ts";
import { PRESENCE_MS } from "./hdlc_line.ts";
import { type Endpoint, formatEndpoint } from "../transport/endpoint.ts";

/**
 * What is done: `auto`, a meter is asked who it is; `D`, it is listened for one that speaks by itself; `push`, for one
 * that says DLMS messages; `hdlc`, `wrapper`: a DLMS meter is asked at once; `sign-on`: one that has offered it.
 */
export type Way = "auto" | "D" | DlmsWay;

/** One way to hear of a meter. */
export interface Attempt {
  readonly way: Way;
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
/** The same behind NULs that wake battery meters: 66 of them take 2.2 s, and 1.5 s pass before each request. */
const WAKE_MS = 22_000;

type Options = Readonly<Record<string, string>>;

const SOFTWARE: Options = { parity_in_software: "true" };
const WAKE: Options = { wake_up: "66" };
/** Nobody tells when a converter has sent the NULs on: 2.2 s more. */
const WAKE_BEHIND_TCP: Options = { wake_up: "66/3700ms" };
const PLAIN: Options = { data_bits: "8", parity: "none" };

/** Mode, options, whether only after noise. */
type Row = [way: Way, options: Options, ifHeard?: true];

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
  ["push", { baud: "2400", ...PLAIN }, true],
  ["push", { baud: "2400", data_bits: "8", parity: "even" }, true],
  ["push", { baud: "115200", ...PLAIN }, true],
  ["hdlc", {}],
  ["auto", WAKE],
  ["auto", { baud: "9600" }],
  ["auto", { baud: "9600", ...PLAIN }],
  ["auto", { baud: "2400" }],
  ["auto", { baud: "4800" }],
  ["auto", { baud: "1200" }],
  ["auto", { baud: "19200" }],
];

/** Behind TCP the converter has the speed, and perhaps no parity. */
const ON_TCP: Row[] = [
  ["auto", {}],
  ["auto", SOFTWARE],
  ["D", {}],
  ["D", SOFTWARE, true],
  ["push", {}, true],
  ["hdlc", {}],
  ["wrapper", {}],
  ["auto", WAKE_BEHIND_TCP],
];
/** The port that is kept for DLMS in the wrapper. */
const WRAPPER_PORT = 4059;

const DOES: Readonly<Record<Way, string>> = {
  auto: "asks /?!",
  D: "listens",
  push: "listens for DLMS",
  hdlc: "asks for DLMS (HDLC)",
  wrapper: "asks for DLMS (wrapper)",
  "sign-on": "asks for DLMS (after its sign-on)",
};

/** Speed and format where the options say nothing. */
const USUAL: Readonly<Record<Way, Options>> = {
  auto: { baud: "300", data_bits: "7", parity: "even" },
  D: { baud: "2400", data_bits: "7", parity: "even" },
  push: {},
  hdlc: { baud: "9600", ...PLAIN },
  wrapper: {},
  "sign-on": { baud: "300", data_bits: "7", parity: "even" },
};

/** All that is tried at an endpoint; what was written behind it stays as it was written. */
export function attemptsAt(endpoint: Endpoint, given: Options): Attempt[] {
  const isTcp = endpoint.kind === "tcp";
  const first: Row[] = isTcp && endpoint.port === WRAPPER_PORT ? [["wrapper", {}]] : [];
  const attempts = [...first, ...isTcp ? ON_TCP : ON_PORT].map(([way, options, ifHeard = false]): Attempt => {
    const all = { ...options, ...given };
    const query = Object.entries(all).map(([key, value]) => `${key}=${value}`).join("&");
    return {
      way,
      url: formatEndpoint(endpoint) + (query && `?${query}`),
      what: `${DOES[way]} ${describe({ ...USUAL[way], ...all }, isTcp)}`,
      atMostMs: ("wake_up" in options ? WAKE_MS : isAsked(way) ? ASK_MS : LISTEN_MS) + (isTcp ? 1000 : 0),
      ifHeard,
    };
  });
  return attempts.filter(({ way, url }, at) =>
    attempts.findIndex((other) => other.way === way && other.url === url) === at
  );
}

const isAsked = (way: Way) => way !== "D" && way !== "push";

function describe({ baud, data_bits: bits, parity = "", ...options }: Options, isTcp: boolean): string {
  const inSoftware = options.parity_in_software === "true";
  const woken = options.wake_up === undefined ? "" : ", behind NULs that wake it";
  if (isTcp) return (inSoftware ? "with parity in software" : "as the converter has it") + woken;
  return `at ${baud} Bd ${inSoftware ? "8N1, parity in software" : `${bits}${parity[0]!.toUpperCase()}1`}${woken}`;
}

/** How long all of it takes at most, ms, if nobody is there; `addresses` of sign-ons, `numbers` on an HDLC line. */
export function longestMs(attempts: readonly Attempt[], addresses: number, numbers: number): number {
  return attempts.reduce((sum, { way, atMostMs }) => {
    const times = way === "auto" ? Math.max(1, addresses) : 1;
    return sum + atMostMs * times + (way === "hdlc" ? numbers * PRESENCE_MS : 0);
  }, 0);
}
