/** Mode E from the first word to the last: the line is handed over to HDLC, an association opened, values read, all signed off. @module */
import { type Dialogue, Inbox, setLine } from "./dialogue.ts";
import {
  associated,
  type AssociationOptions,
  Client,
  dlmsReadout,
  type DlmsReadoutOptions,
  hdlcAddress,
  HdlcLink,
  type Link,
  wrapperLink,
} from "./dlms/mod.ts";
import type { Opening } from "./dlms_settings.ts";
import { handOver } from "./iec62056/mod.ts";
import type { LineSettings } from "./line.ts";
import { parseObis } from "./obis/code.ts";
import type { Identification, Telegram } from "./telegram.ts";

/** Whom to ask, and how to get there. */
export interface ModeEOptions {
  readonly opening: Opening;
  /** In which the session begins: of the sign-on, or of HDLC. */
  readonly line: LineSettings;
  /** Of the sign-on, where several share a line. */
  readonly address?: string;
  readonly maxBaud?: number;
  /** Whose sign-on has been answered already; absent: it is still to come. */
  readonly identification?: Identification;
  /** The logical device, and the meter on an HDLC line that several share; `octets` of its address, if not the fewest. */
  readonly server: { readonly upper: number; readonly lower?: number; readonly octets?: 1 | 2 | 4 };
  /** Octets of information in an HDLC frame, as proposed. */
  readonly frameOctets: number;
  readonly association: AssociationOptions;
}

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

function linkOf(inbox: Inbox, { opening, server, frameOctets, association: { client } }: ModeEOptions): Link {
  if (opening === "wrapper") return wrapperLink(inbox, { client, server: server.upper });
  const address = hdlcAddress(server.upper, server.lower, server.octets);
  const propose = { maxSend: frameOctets, maxReceive: frameOctets, windowSend: 1, windowReceive: 1 };
  return new HdlcLink(inbox, { client: hdlcAddress(client), server: address, propose });
}

/** Reads a meter once: these canonical codes, or all that it describes. `known` as in {@link DlmsReadoutOptions}. */
export function readModeE(
  options: ModeEOptions,
  codes?: readonly string[],
  known?: DlmsReadoutOptions["known"],
): Dialogue<Telegram> {
  const names = codes?.filter((code) => parseObis(code) === code);
  return modeE(options, function* (client, identification) {
    const telegram = yield* dlmsReadout(client, { ...names && { names }, ...known && { known } });
    return { ...telegram, ...(identification ? { identification } : {}) };
  });
}
