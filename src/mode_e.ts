/** Mode E from the first word to the last: the line is handed over to HDLC, an association opened, values read, all signed off. @module */
import { type Dialogue, Inbox, setLine } from "./dialogue.ts";
import {
  associated,
  type AssociationOptions,
  Client,
  dlmsReadout,
  hdlcAddress,
  HdlcLink,
  type Link,
  wrapperLink,
} from "./dlms/mod.ts";
import { handOver } from "./iec62056/mod.ts";
import type { LineSettings } from "./line.ts";
import { parseObis } from "./obis/code.ts";
import type { Identification, Telegram } from "./telegram.ts";

/** `sign-on`: `/?!` at 300 Bd, then HDLC · `hdlc`: HDLC at once · `wrapper`: TCP without HDLC. */
export const OPENINGS = ["sign-on", "hdlc", "wrapper"] as const;

/** One of {@link OPENINGS}. */
export type Opening = typeof OPENINGS[number];

/** Whom to ask, and how to get there. */
export interface ModeEOptions {
  readonly opening: Opening;
  /** In which the session begins: of the sign-on, or of HDLC. */
  readonly line: LineSettings;
  /** Of the sign-on, where several share a line. */
  readonly address?: string;
  readonly maxBaud?: number;
  /** The logical device, and the meter on an HDLC line that several share. */
  readonly server: { readonly upper: number; readonly lower?: number };
  readonly association: AssociationOptions;
}

/** Longer frames than the default of 128 octets, where the meter can. */
const PROPOSED = { maxSend: 1024, maxReceive: 1024, windowSend: 1, windowReceive: 1 };

/**
 * Opens a session, does `work`, and signs off whatever happens; the line is left as it was.
 * @throws {SilenceError} {RefusalError} {ProtocolError}
 */
export function* modeE<T>(
  options: ModeEOptions,
  work: (client: Client, identification?: Identification) => Dialogue<T>,
): Dialogue<T> {
  const { opening, line, association } = options;
  const inbox = new Inbox();
  const within = (identification?: Identification) =>
    associated(linkOf(inbox, options), association, (opened) => work(new Client(opened), identification));
  if (opening === "wrapper") return yield* within();
  if (opening === "hdlc") {
    yield* setLine(line);
    return yield* within();
  }
  try {
    return yield* within(yield* handOver(inbox, options));
  } finally {
    yield* setLine(line);
  }
}

function linkOf(inbox: Inbox, { opening, server, association: { client } }: ModeEOptions): Link {
  if (opening === "wrapper") return wrapperLink(inbox, { client, server: server.upper });
  const address = hdlcAddress(server.upper, server.lower);
  return new HdlcLink(inbox, { client: hdlcAddress(client), server: address, propose: PROPOSED });
}

/** Codes as a DLMS meter knows them: `1.8.0` is 1-0:1.8.0*255. What is no code stays as it is, and no meter has it. */
export function canonicalCodes(codes: readonly string[]): string[] {
  return codes.map((code) => parseObis(code) || code);
}

/** Reads a meter once: these canonical codes, or all that it describes. */
export function readModeE(options: ModeEOptions, codes?: readonly string[]): Dialogue<Telegram> {
  const names = codes?.filter((code) => parseObis(code) === code);
  return modeE(options, function* (client, identification) {
    const telegram = yield* dlmsReadout(client, names ? { names } : {});
    return { ...telegram, ...(identification ? { identification } : {}) };
  });
}
