/** Mode E from the first word to the last: the line is handed over to HDLC, an association opened, values read, all signed off. @module */
import { type Dialogue, Inbox, pause, setLine } from "./dialogue.ts";
import {
  associated,
  type AssociationOptions,
  CLASS,
  Client,
  dlmsReadout,
  type DlmsReadoutOptions,
  hdlcAddress,
  HdlcLink,
  integerOf,
  type Link,
  octetsOf,
  textOf,
  wrapperLink,
} from "./dlms/mod.ts";
import type { Opening } from "./dlms_settings.ts";
import { RefusalError } from "./errors.ts";
import { handOver } from "./iec62056/mod.ts";
import { SILENCE_MS } from "./iec62056/modes.ts";
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
  /** The object in which the public client finds the last counter that the meter has heard of us; absent: not needed. */
  readonly readCounter?: string;
}

/** The client that every meter takes, without a password. */
const PUBLIC_CLIENT = 16;

/**
 * Opens a session, does `work`, and signs off whatever happens; the line is left as it was.
 * @throws {SilenceError} {RefusalError} {ProtocolError}
 */
export function* modeE<T>(
  options: ModeEOptions,
  work: (client: Client, identification?: Identification) => Dialogue<T>,
): Dialogue<T> {
  const { opening, line, association, readCounter } = options;
  if (readCounter !== undefined) {
    const { readCounter: _, identification: __, ...rest } = options;
    yield* raiseCounter(options, readCounter);
    return yield* modeE(rest, work);
  }
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

/** Asks the meter, in a session of its own, which counter it has heard last: it takes none that is not above it. */
function* raiseCounter(options: ModeEOptions, name: string): Dialogue<void> {
  const { readCounter: _, ...asked } = options;
  const { counter } = options.association;
  const association = { client: PUBLIC_CLIENT, credentials: { mechanism: "none" } } as const;
  const data = yield* modeE({ ...asked, association }, (client) => client.demand({ classId: CLASS.data, name, id: 2 }));
  const octets = octetsOf(data);
  const heard = octets?.length === 4 ? new DataView(octets.buffer, octets.byteOffset).getUint32(0) : integerOf(data);
  if (heard === undefined || heard < 0) {
    throw new RefusalError(`The meter's ${name} is no invocation counter: ${textOf(data)}`);
  }
  counter?.raise(heard + 1);
  if (options.opening === "sign-on") yield* pause(SILENCE_MS); // it is at 300 Bd again, and takes a breath
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
