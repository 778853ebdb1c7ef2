/** What the configuration says about a meter that speaks DLMS (mode E). @module */
import * as z from "zod";
import {
  authenticationOf,
  AUTHENTICATIONS,
  type DlmsSettings,
  MAX_ADDRESS,
  MAX_CLIENT,
  NAMES,
  OPENINGS,
} from "../dlms_settings.ts";
import { parseObis } from "../obis/code.ts";
import { type Endpoint, formatEndpoint } from "../transport/endpoint.ts";
import type { Path } from "./document.ts";
import type { Readable } from "./fields.ts";
import type { Report } from "./report.ts";

const number = (most: number) => z.int().min(0).max(most);

/** Options of `dlms:`. */
export const dlmsSchema = z.strictObject({
  opening: z.enum(OPENINGS).default("sign-on").describe(
    "How the session begins: sign-on, /?! at 300 Bd and then HDLC; hdlc, HDLC at once (9600 8N1 unless the line's url says otherwise), over TCP too; wrapper, TCP without HDLC.",
  ),
  client: number(MAX_CLIENT).default(16).describe(
    "As whom it is asked. 16 is the public client, which sees little; 1 is often the one that sees all.",
  ),
  server: number(MAX_ADDRESS).default(1).describe("Its logical device; 1 is the one that every meter has."),
  physical: number(MAX_ADDRESS).optional().meta({ examples: [17] }).describe(
    "Its number on an HDLC line that several meters share: often 17, or the last digits of the serial number. Absent: whoever is there.",
  ),
  address_octets: z.literal([1, 2, 4]).optional()
    .meta({ examples: [4] }).describe("Octets of its HDLC address: 1, 2 or 4. Absent: as few as it needs."),
  frame_octets: z.int().min(32).max(2030).default(1024).describe(
    "How much an HDLC frame may hold, as proposed; the meter may settle for less. 128 for one that takes a proposal badly.",
  ),
  names: z.enum(NAMES).default("logical").describe(
    "How its objects are called: logical, by OBIS code, or short, by number, as many older meters (Landis+Gyr, EMH, Actaris) want it.",
  ),
  auth: z.enum(AUTHENTICATIONS).optional().meta({ examples: ["low"] }).describe(
    "How the client proves who it is: none, low (the password itself), or the answer to a challenge: manufacturer, md5, sha1. Absent: low where there is a password, else none.",
  ),
  sign_off: z.boolean().default(true).describe(
    "false: for a meter that takes the message of the sign-off (RLRQ) badly.",
  ),
  accept_unproven: z.boolean().default(false).describe(
    "true: for a meter that answers a challenge by no proof of its own, which then may be somebody else.",
  ),
});

/** What could be read of it. */
export type DraftDlms = Readable<typeof dlmsSchema.shape>;

/** The settings, once nothing is wrong with them. */
export function toDlmsSettings(its: DraftDlms): DlmsSettings {
  return {
    opening: its.opening!,
    client: its.client!,
    server: its.server!,
    ...its.physical !== undefined && { physical: its.physical },
    ...its.address_octets !== undefined && { addressOctets: its.address_octets },
    frameOctets: its.frame_octets!,
    names: its.names!,
    ...its.auth !== undefined && { auth: its.auth },
    signOff: its.sign_off!,
    acceptUnproven: its.accept_unproven!,
  };
}

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

function checkSecret({ dlms, given, mode }: DlmsNeighbours, fault: Fault): void {
  if (dlms!.auth === undefined) return;
  const auth = authenticationOf(dlms as DlmsSettings, false);
  const has = given.includes("password");
  if (auth === "none" && has && mode === "E") fault("password", "dlms.auth is none: nobody would be told it");
  if (auth !== "none" && !has) fault("dlms.auth", `${auth} takes a secret: password: { credential: NAME }`);
}
