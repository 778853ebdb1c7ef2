/** What of mode E must fit together: the meter, its line, its secrets. @module */
import {
  type Authentication,
  authenticationOf,
  type DlmsSettings,
  type KeyOption,
  neededKeys,
  parseHex,
  takesPassword,
} from "../dlms_settings.ts";
import { parseObis } from "../obis/code.ts";
import { type Endpoint, formatEndpoint } from "../transport/endpoint.ts";
import type { DraftDlms } from "./dlms.ts";
import type { Path } from "./document.ts";
import type { Report } from "./report.ts";

/** What of a meter its DLMS options must fit. */
export interface DlmsNeighbours {
  readonly path: Path;
  readonly mode?: string | undefined;
  /** Options that stand in the meter itself, right or wrong. */
  readonly given: readonly string[];
  readonly obis?: readonly string[] | undefined;
  readonly registers?: readonly string[] | undefined;
  readonly expect?: Readonly<Record<string, string>> | undefined;
  readonly dlms?: DraftDlms | undefined;
  /** Options that stand in `dlms:`. */
  readonly givenDlms: readonly string[];
}

/** Reports what of mode E does not fit together. */
export function checkDlms(meter: DlmsNeighbours, endpoint: Endpoint | undefined, report: Report): void {
  const { path, mode, dlms, given } = meter;
  const fault = (option: string, message: string) => report.fault([...path, ...option.split(".")], message, "key");
  if (mode === "E") checkModeE(meter, fault);
  if (!dlms) return;
  if (mode !== undefined && mode !== "E" && mode !== "auto") {
    return fault("dlms", `mode ${mode} speaks no DLMS: mode: E does, and auto where the meter offers it`);
  }
  if (mode === "auto" && dlms.opening !== undefined && dlms.opening !== "sign-on") {
    fault(
      "dlms.opening",
      `auto sees by the sign-on what the meter offers, and ${dlms.opening} has none: write mode: E`,
    );
  }
  if (mode === "auto" && given.includes("registers")) {
    fault("registers", "modes C and E read them in different ways: write mode: E, or mode: C");
  }
  if (meter.givenDlms.includes("accept_unauthenticated")) {
    fault("dlms.accept_unauthenticated", "it is for a meter that pushes: opening: push");
  }
  checkOpening(meter, endpoint, fault);
  checkSecret(meter, fault);
}

type Fault = (option: string, message: string) => void;

/** What modes A to C have and mode E has not. */
function checkModeE({ given, obis = [], registers = [], expect = {} }: DlmsNeighbours, fault: Fault): void {
  if (given.includes("stop_early")) {
    fault("stop_early", "mode E has no readout to be ended: it reads obis alone as it is");
  }
  if (given.includes("access")) fault("access", "it is of programming mode; in mode E dlms.auth says how to sign on");
  for (const [option, codes] of [["obis", obis], ["registers", registers], ["expect", Object.keys(expect)]] as const) {
    const wrong = codes.find((code) => parseObis(code) === "");
    if (wrong !== undefined) {
      fault(
        option,
        `${JSON.stringify(wrong)} is no OBIS code, and a meter in mode E knows nothing else: 1-0:1.8.0*255`,
      );
    }
  }
}

function checkOpening({ dlms, given, givenDlms }: DlmsNeighbours, endpoint: Endpoint | undefined, fault: Fault): void {
  const { opening = "sign-on" } = dlms!;
  if (opening !== "sign-on" && given.includes("address")) {
    const instead = opening === "hdlc"
      ? "dlms.physical is the meter's number on the line"
      : "dlms.server says which it is";
    fault("address", `it belongs to the sign-on, and opening: ${opening} has none: ${instead}`);
  }
  if (opening !== "wrapper") return;
  if (endpoint && endpoint.kind !== "tcp") {
    fault(
      "dlms.opening",
      `the wrapper is for tcp:// alone, and the line is ${formatEndpoint(endpoint)}: sign-on or hdlc`,
    );
  }
  for (const option of ["physical", "address_octets", "frame_octets"]) {
    if (givenDlms.includes(option)) fault(`dlms.${option}`, "it belongs to HDLC, which the wrapper does without");
  }
}

/** A secret for each way to sign on, keys for each cipher, and none that nobody uses. */
function checkSecret({ dlms, given, givenDlms, mode }: DlmsNeighbours, fault: Fault): void {
  const has = given.includes("password");
  const settings = { security: "none", suite: 0, ...dlms } as const;
  const auth = authenticationOf(dlms as DlmsSettings, has);
  if (!takesPassword(auth) && has && mode === "E") {
    fault("password", `dlms.auth is ${auth}: nobody would be told it`);
  }
  if (takesPassword(auth) && !has) fault("dlms.auth", `${auth} takes a secret: password: { credential: NAME }`);
  if (auth === "ecdsa" && settings.suite === 0) fault("dlms.auth", "ecdsa signs in suite 1 or 2, and suite is 0");
  const needed = neededKeys(settings, auth);
  const why = settings.security === "none" ? `auth: ${auth}` : `security: ${settings.security}`;
  for (const [key, octets] of needed) {
    const option = KEYS[key];
    const place = givenDlms.includes("security") ? "dlms.security" : givenDlms.includes("auth") ? "dlms.auth" : "dlms";
    if (!givenDlms.includes(option)) fault(place, `${why} needs ${option}`);
    else checkKey(dlms!, option, octets, fault);
  }
  for (const [key, option] of Object.entries(KEYS)) {
    const isNeeded = needed.has(key as KeyOption) || option.endsWith("title");
    if (!isNeeded && givenDlms.includes(option)) fault(`dlms.${option}`, useOf(option, auth));
  }
  if (needed.has("encryptionKey")) return;
  for (const option of ["cipher", "read_counter"]) {
    if (givenDlms.includes(option)) fault(`dlms.${option}`, "no message is ciphered: security is none");
  }
}

function useOf(option: string, auth: Authentication): string {
  return option.endsWith("_key") && !["signing_key", "meter_key"].includes(option)
    ? "nothing uses it: security is none; both is what most meters with keys want"
    : `nothing uses it: auth is ${auth}, not ecdsa`;
}

const KEYS: Readonly<Record<KeyOption, keyof DraftDlms>> = {
  clientTitle: "client_title",
  meterTitle: "meter_title",
  encryptionKey: "encryption_key",
  authenticationKey: "authentication_key",
  signingKey: "signing_key",
  meterKey: "meter_key",
};

/** A key that cannot be had has been told of already. */
export function checkKey(dlms: DraftDlms, option: keyof DraftDlms, octets: number, fault: Fault): void {
  const given = dlms[option];
  let text: unknown;
  try {
    text = typeof given === "function" ? given() : given;
  } catch {
    return;
  }
  try {
    if (typeof text === "string") parseHex(text, octets);
  } catch (error) {
    fault(`dlms.${option}`, (error as Error).message);
  }
}
