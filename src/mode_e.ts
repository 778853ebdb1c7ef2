/** Mode E from the first word to the last: the line is handed over to HDLC, an association opened, values read, all signed off. @module */
import { type Ahead, askAhead } from "./mode_e_ahead.ts";
import { type Dialogue, Inbox, pause, setLine } from "./dialogue.ts";
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
import { SilenceError } from "./errors.ts";
import { handOver } from "./iec62056/mod.ts";
import { SILENCE_MS } from "./iec62056/modes.ts";
import type { LineSettings } from "./line.ts";
import { parseObis } from "./obis/code.ts";
import type { Identification, Telegram } from "./telegram.ts";

/** Whom to ask, and how to get there. */
export interface ModeEOptions extends Ahead {
  readonly opening: Opening;
  /** In which the session begins: of the sign-on, or of HDLC. */
  readonly line: LineSettings;
  /** Of the sign-on, where several share a line. */
  readonly address?: string;
  readonly maxBaud?: number;
  /** Whose sign-on has been answered already; absent: it is still to come. */
  readonly identification?: Identification;
  /**
   * Whether to sign on once more where that was answered and then nobody is there on HDLC: the meter may not have heard
   * that HDLC is wanted. Default no, for whoever tries again anyway.
   */
  readonly signsOnAgain?: boolean;
  /** The logical device, and the meter on an HDLC line that several share; `octets` of its address, if not the fewest. */
  readonly server: { readonly upper: number; readonly lower?: number; readonly octets?: 1 | 2 | 4 };
  /** Octets of information in an HDLC frame, as proposed. */
  readonly frameOctets: number;
  readonly association: AssociationOptions;
  /** Is told when the public client cannot see whether the meter is the expected one; `error`: it was not let in. */
  readonly onHidden?: (error?: Error) => void;
}

/** The client that every meter takes, without a password. */
const PUBLIC_CLIENT = 16;

const PUBLIC = { client: PUBLIC_CLIENT, credentials: { mechanism: "none" } } as const;

/** What is done with another meter than the expected one: it is as good as not there. */
type Stranger<T> = (telegram: Telegram, why: string) => T;

const notThere: Stranger<never> = (_, why) => {
  throw new SilenceError(`The meter of the configuration is not there: ${why}`);
};

/**
 * Opens a session, does `work`, and signs off whatever happens; the line is left as it was. Where a secret is needed, and
 * `expect` or `readCounter` say so, the public client asks the meter first, in a session of its own.
 * @throws {SilenceError} {RefusalError} {ProtocolError}
 */
export function* modeE<T>(
  { expect, readCounter, onHidden, ...options }: ModeEOptions,
  work: (client: Client, identification?: Identification) => Dialogue<T>,
  stranger: Stranger<T> = notThere,
): Dialogue<T> {
  if (!expect && readCounter === undefined) return yield* inSession(options, work);
  const ahead = { ...expect && { expect }, ...readCounter !== undefined && { readCounter } };
  let isThere = options.opening !== "sign-on" || options.identification !== undefined;
  const asked = { ...options, association: PUBLIC };
  const seen = yield* askAhead(ahead, (ask) => inSession(asked, ask, () => isThere = true));
  if (seen.stranger) return stranger(seen.stranger.telegram, seen.stranger.why);
  if (seen.error && !isThere) throw seen.error; // not even its sign-on was answered
  if (seen.isHidden) onHidden?.(seen.error);
  if (seen.heardCounter !== undefined) options.association.counter?.raise(seen.heardCounter + 1);
  if (options.opening === "sign-on") yield* pause(SILENCE_MS); // it is at 300 Bd again, and takes a breath
  const { identification: _, ...rest } = options; // of the sign-on before
  return yield* inSession(rest, work);
}

function* inSession<T>(
  options: ModeEOptions,
  work: (client: Client, identification?: Identification) => Dialogue<T>,
  onSignedOn: () => void = () => {},
): Dialogue<T> {
  const { opening, line, association } = options;
  const inbox = new Inbox();
  let isConnected = false;
  const within = (identification?: Identification) =>
    associated(linkOf(inbox, options), association, (opened) => {
      isConnected = true;
      return work(new Client(opened), identification);
    });
  if (opening === "wrapper") return yield* within();
  if (opening === "hdlc") {
    yield* setLine(line);
    return yield* within();
  }
  try {
    const { identification: answered, signsOnAgain = false, ...rest } = options;
    for (let lost: SilenceError | undefined;;) {
      let isSignedOn = false;
      try {
        const identification = yield* handOver(inbox, {
          ...rest,
          ...!lost && answered && { identification: answered },
        });
        isSignedOn = true;
        onSignedOn();
        return yield* within(identification);
      } catch (error) {
        if (isConnected || !(error instanceof SilenceError) || error.what === "password") throw error;
        if (lost || !isSignedOn || !signsOnAgain) throw lost ?? error;
        lost = error;
      }
      yield* setLine(line);
      yield* pause(SILENCE_MS);
    }
  } finally {
    yield* setLine(line);
  }
}

/** Why a meter may not answer on HDLC. */
const HINTS = {
  "sign-on":
    'it signed on, but did not go over to HDLC; some offer "\\2" and are read in mode C all the same (mode: C), ' +
    "others cannot leave 300 Bd (max_baud=300)",
  hdlc: "are its number and the line's speed right? obisd discover tries the usual ones",
} as const;

function linkOf(inbox: Inbox, { opening, server, frameOctets, association: { client } }: ModeEOptions): Link {
  if (opening === "wrapper") return wrapperLink(inbox, { client, server: server.upper });
  const address = hdlcAddress(server.upper, server.lower, server.octets);
  const propose = { maxSend: frameOctets, maxReceive: frameOctets, windowSend: 1, windowReceive: 1 };
  return new HdlcLink(inbox, { client: hdlcAddress(client), server: address, propose, hint: HINTS[opening] });
}

/**
 * Reads a meter once: these canonical codes, or all that it describes. `remembered` as in {@link DlmsReadoutOptions}. Of
 * another meter than the expected one it brings home what shows that.
 */
export function readModeE(
  options: ModeEOptions,
  codes?: readonly string[],
  remembered?: Pick<DlmsReadoutOptions, "known" | "lists">,
): Dialogue<Telegram> {
  const names = codes?.filter((code) => parseObis(code) === code);
  return modeE(options, function* (client, identification) {
    const telegram = yield* dlmsReadout(client, { ...names && { names }, ...remembered });
    return { ...telegram, ...(identification ? { identification } : {}) };
  }, (telegram) => telegram);
}
