/** Where a meter hangs, as a person writes it: `serial:///dev/serial/by-id/…`, `tcp://host:port`, `rfc2217://host:port`. @module */
import * as z from "zod";
import { type LineSettings, PUSH_LINE, SIGN_ON_LINE } from "../line.ts";
import { nearest } from "../nearest.ts";
import { parsed } from "../parsed.ts";
import { parseDuration } from "../units.ts";

const duration = parsed(parseDuration);

const whole = (least: number, most: number) =>
  parsed((text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new Error(`${JSON.stringify(text)} is no whole number from ${least} to ${most}`);
  });

const word = <T>(table: Readonly<Record<string, T>>) =>
  parsed((text): T => {
    if (Object.hasOwn(table, text)) return table[text]!;
    throw new Error(`${JSON.stringify(text)} is none of ${Object.keys(table).join(", ")}`);
  });

/** Silence behind a run of NULs by the standard: 1.5 to 1.7 s. */
const WAKE_PAUSE_MS = 1500;

function parseWakeUp(text: string): { readonly nuls: number; readonly pauseMs: number } {
  if (text === "off") return { nuls: 0, pauseMs: 0 };
  const [, nuls, pause] = /^(\d{1,3})(?:\/(.+))?$/.exec(text) ?? [];
  if (nuls === undefined || Number(nuls) === 0 || Number(nuls) > 500) {
    throw new Error(`${JSON.stringify(text)} is no wake-up: write 66 or 66/1500ms (1 to 500 NULs, the pause), or off`);
  }
  return { nuls: Number(nuls), pauseMs: pause === undefined ? WAKE_PAUSE_MS : parseDuration(pause) };
}

function parsePolicy(text: string): "negotiate" | "fixed" | "none" | number {
  if (text === "negotiate" || text === "fixed" || text === "none") return text;
  const [, max] = /^max:(\d+)$/.exec(text) ?? [];
  if (max !== undefined && Number(max) >= 300) return Number(max);
  throw new Error(`${JSON.stringify(text)} is none of negotiate, fixed, max:N (300 at least), none`);
}

const YES_NO = { true: true, false: false };
const ON_OFF = { on: true, off: false };

/** What may stand in the query of an endpoint; the same on the command line and in the configuration. */
export const endpointOptions = z.strictObject({
  baud: whole(50, 4_000_000).optional()
    .describe("Speed at which a session begins, in Bd. Absent: by mode (A, B, C, E 300; D 2400)."),
  data_bits: word({ 7: 7, 8: 8 } as const).optional().describe("Data bits, 7 or 8. Absent: 7."),
  parity: word({ none: "none", even: "even", odd: "odd", auto: "auto" } as const).optional().describe(
    "Parity: none, even or odd; auto: even, and what comes shows whether the path carries 8N1 with the parity in bit 7 (a converter of unknown format). Absent: even.",
  ),
  stop_bits: word({ 1: 1, 2: 2 } as const).optional().describe("Stop bits, 1 or 2. Absent: 1."),
  max_baud: whole(300, 4_000_000).optional()
    .describe("Highest speed that is agreed with the meter, in Bd; 300 for a converter that cannot change its speed."),
  baud_policy: parsed(parsePolicy).optional().describe(
    "Who changes the speed: negotiate, to what the meter announces; max:N, the same up to N Bd; fixed, nobody, for the port has one speed; none, nobody, and the meter is told to stay. Absent: by the type of the meter; negotiate where a session begins at 300 Bd, else fixed.",
  ),
  wake_up: parsed(parseWakeUp).optional().describe(
    "NULs that wake a battery meter before each request, and the pause behind them: 66, or 66/1500ms. off: none. Absent: by the type of the meter.",
  ),
  fast_wake_up: parsed(parseWakeUp).optional().describe(
    "The same before the first request only, for meters that a session ended by B1 leaves half awake (it then is): 1/300ms. Where nobody answers, wake_up follows.",
  ),
  data_baud: whole(300, 4_000_000).optional().describe(
    "Speed of the data in Bd, for a meter that announces another than it uses. Absent: by the type of the meter, else as announced.",
  ),
  ack_delay: duration.optional().describe(
    "Pause between the acknowledgement and the change of speed, for adapters that say too early that all has left. Absent: by the type of the meter, else none.",
  ),
  prolonged_break: duration.refine((ms) => ms <= 5000, "more than 5s is no break: 300ms to 1s is usual").optional()
    .describe(
      "So long the line is held at space before each session, longer than any character does it: 300ms. It brings the ports of some meters back to their start whatever was left undone there (current loop, RS-485). On serial ports and rfc2217 only. Absent: by the type of the meter, else none.",
    ),
  parity_in_software: word(YES_NO).prefault("false")
    .describe("true: the port or converter runs 8N1 and obisd makes, checks and strips the parity bit itself."),
  dtr: word(ON_OFF).optional().describe("DTR, from which many optical heads draw their power: on or off. Absent: on."),
  rts: word(ON_OFF).optional().describe("RTS: on or off. Absent: on."),
  connect_timeout: duration.prefault("10s").describe("How long a TCP connection may take to be accepted."),
  quiet_time: duration.prefault("500ms").describe(
    "Silence between two sessions on one line, so that meters notice the end.",
  ),
});

/** The options of an endpoint, with their defaults filled in; durations are milliseconds. */
export type EndpointOptions = z.output<typeof endpointOptions>;

/** Where a meter hangs. */
export type Endpoint =
  & { readonly options: EndpointOptions }
  & (
    | {
      readonly kind: "serial"; /** Absolute. */
      readonly path: string; /** Only `ttyUSB0` was written. */
      readonly bare?: true;
    }
    | {
      /** `tcp-listen`: meters call in there. */
      readonly kind: "tcp" | "rfc2217" | "tcp-listen"; /** IPv6 without brackets. */
      readonly host: string;
      readonly port: number;
    }
  );

const ALLOWED = "serial:///dev/serial/by-id/…, /dev/…, tcp://host:port or rfc2217://host:port";

/** Reads an endpoint. @throws {Error} what is wrong and what is allowed */
export function parseEndpoint(text: string): Endpoint {
  const [place, query] = splitOnce(text.trim(), "?");
  const options = parseOptions(text, query);
  if (/^tty\w+$/.test(place)) return { kind: "serial", path: `/dev/${place}`, bare: true, options };
  if (place.startsWith("/")) return { kind: "serial", path: place, options };
  const [scheme, rest] = splitOnce(place, ":");
  switch (scheme.toLowerCase()) {
    case "serial":
      return { kind: "serial", path: parseSerial(text, rest), options };
    case "tcp":
    case "tcp-listen":
      if (options.prolonged_break !== undefined) {
        throw unreadable(
          text,
          "prolonged_break: over plain TCP nobody can hold the line; a server of RFC 2217 can (rfc2217://)",
        );
      }
      // falls through
    case "rfc2217":
      return { kind: scheme.toLowerCase() as "tcp" | "rfc2217" | "tcp-listen", ...parseHost(text, rest), options };
    default:
      throw unreadable(text, `allowed is ${ALLOWED}`);
  }
}

/** The endpoint without its options, for messages and logs. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === "serial") return `serial://${endpoint.path}`;
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return `${endpoint.kind}://${host}:${endpoint.port}`;
}

/** The line settings in which a session of modes A, B, C and E begins here; `habits`: of the type of meter. */
export function signOnLine(endpoint: Endpoint, habits: Partial<LineSettings> = {}): LineSettings {
  return applyOptions({ ...SIGN_ON_LINE, ...habits }, endpoint.options);
}

/** The line settings of HDLC without a sign-on: 9600 Bd 8N1, or what the endpoint says. */
export function hdlcLine(endpoint: Endpoint): LineSettings {
  return applyOptions({ baud: 9600, dataBits: 8, parity: "none", stopBits: 1 }, endpoint.options);
}

/** The line settings in which DLMS meters push here: 2400 Bd 8N1, or what the endpoint says. */
export function dlmsPushLine(endpoint: Endpoint): LineSettings {
  return applyOptions({ baud: 2400, dataBits: 8, parity: "none", stopBits: 1 }, endpoint.options);
}

/** The line settings in which mode D pushes here; `habits`: of the type of meter. */
export function pushLine(endpoint: Endpoint, habits: Partial<LineSettings> = {}): LineSettings {
  return applyOptions({ ...PUSH_LINE, ...habits }, endpoint.options);
}

function applyOptions(line: LineSettings, { baud, data_bits, parity, stop_bits }: EndpointOptions): LineSettings {
  return {
    baud: baud ?? line.baud,
    dataBits: data_bits ?? line.dataBits,
    parity: parity === "auto" ? "even" : parity ?? line.parity,
    stopBits: stop_bits ?? line.stopBits,
  };
}

function parseSerial(text: string, rest: string): string {
  const [, path] = rest.match(/^\/\/(\/.+)$/) ?? [];
  if (path !== undefined) return path;
  throw unreadable(
    text,
    "a serial port is written with three slashes and its whole path: serial:///dev/serial/by-id/…",
  );
}

function parseHost(text: string, rest: string): { readonly host: string; readonly port: number } {
  const [, bracketed, name, digits] = rest.match(/^\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^\s/:@[\]]+)):(\d+)\/?$/) ?? [];
  const host = bracketed ?? name;
  const port = Number(digits);
  if (host !== undefined && port >= 1 && port <= 65535) return { host, port };
  throw unreadable(
    text,
    "an endpoint on the network is written tcp://host:port or rfc2217://host:port, with a port from 1 to 65535 and IPv6 in brackets",
  );
}

function parseOptions(text: string, query: string): EndpointOptions {
  const given = [...new URLSearchParams(query)];
  const allowed = Object.keys(endpointOptions.shape);
  for (const [index, [key]] of given.entries()) {
    if (!allowed.includes(key)) throw unreadable(text, unknownOption(key, allowed));
    if (given.findIndex(([other]) => other === key) !== index) throw unreadable(text, `option ${key} stands twice`);
  }
  const result = endpointOptions.safeParse(Object.fromEntries(given));
  if (result.success) return result.data;
  throw unreadable(text, result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
}

function unknownOption(key: string, allowed: readonly string[]): string {
  const meant = nearest(key, allowed);
  return `unknown option ${JSON.stringify(key)}; ${
    meant ? `did you mean ${meant}?` : `allowed are ${allowed.join(", ")}`
  }`;
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

function unreadable(text: string, reason: string): Error {
  return new Error(`Cannot read endpoint ${JSON.stringify(text)}: ${reason}`);
}
