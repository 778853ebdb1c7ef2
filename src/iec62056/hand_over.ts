/** Mode E: the sign-on ends by handing the line over to HDLC (IEC 62056-21, 6.4.5, annex E). @module */
import { type Dialogue, type Inbox, pause, send, setLine } from "../dialogue.ts";
import { ProtocolError, RefusalError, SilenceError } from "../errors.ts";
import type { LineSettings } from "../line.ts";
import type { Identification } from "../telegram.ts";
import { toText } from "./characters.ts";
import { encodeOptionSelect } from "./messages.ts";
import { acknowledgedCharacter, baudOf, offersModeE, reactionMs, SILENCE_MS } from "./modes.ts";
import { signOn, type SignOnOptions } from "./sign_on.ts";

/** How to open the session. */
export interface HandOverOptions extends SignOnOptions {
  /** Bound for the speed that is acknowledged. */
  readonly maxBaud?: number;
  /** With which the sign-on has been answered already; absent: it is still to come. */
  readonly identification?: Identification;
}

/** ACK 2 Z 2 has six characters; whatever of it came damaged through the change of speed is passed over. */
// deno-lint-ignore no-control-regex -- ACK begins it
const CONFIRMATION = /\x062([0-9])2\r?\n?/;

/**
 * Signs on, has the meter change to HDLC, and leaves the line at its speed with 8 data bits, no parity. The meter's
 * confirmation may name a lower speed; many send none, so that its absence is no fault.
 * @throws {SilenceError} nobody answers @throws {ProtocolError} `unreadable`
 * @throws {RefusalError} the meter offers no mode E
 */
export function* handOver(inbox: Inbox, options: HandOverOptions): Dialogue<Identification> {
  const identification = options.identification ?? (yield* signOn(inbox, options));
  if (!offersModeE(identification)) {
    const said = `${identification.line} has no "\\2"`;
    throw new RefusalError(`The meter offers no mode E: its identification ${said}; leave out --mode E, or try mode C`);
  }
  const baudCharacter = acknowledgedCharacter(identification, options.maxBaud);
  yield* pause(reactionMs(identification));
  yield* send(encodeOptionSelect({ protocol: "2", baudCharacter, option: "2" }));
  const line = lineAt(options.line, baudCharacter);
  if (line.baud !== options.line.baud) yield* setLine(line);
  const confirmed = yield* confirmation(inbox);
  yield* setLine({ ...lineAt(line, confirmed ?? baudCharacter), dataBits: 8, parity: "none" });
  inbox.clear();
  return identification;
}

function lineAt(line: LineSettings, baudCharacter: string): LineSettings {
  return { ...line, baud: baudOf("E", baudCharacter) ?? line.baud };
}

/** The speed that the meter confirms; `undefined`: nothing came that could be read. */
function* confirmation(inbox: Inbox): Dialogue<string | undefined> {
  const patience = { firstMs: SILENCE_MS, nextMs: SILENCE_MS, limitBytes: 64 };
  try {
    const found = yield* inbox.take((bytes) => {
      const text = toText(bytes);
      const match = CONFIRMATION.exec(text);
      const end = match && match.index + match[0].length;
      return match && text[end! - 1] === "\n" ? { start: match.index, end: end!, value: match[1]! } : undefined;
    }, patience);
    return found.value;
  } catch (error) {
    const unreadable = error instanceof SilenceError || error instanceof ProtocolError; // noise of the change, most likely
    if (!unreadable) throw error;
    return undefined;
  }
}
