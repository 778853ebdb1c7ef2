/** The sign-on: the request, and the identification with which the meter answers (IEC 62056-21, 6.3.1, 6.3.2). @module */
import { type Dialogue, flush, type Inbox, type Patience, pause, prolongedBreak, send, setLine } from "../dialogue.ts";
import { ProtocolError, SilenceError } from "../errors.ts";
import { formatLine, type LineSettings } from "../line.ts";
import type { Manners } from "../meters/mod.ts";
import type { Identification } from "../telegram.ts";
import { hasEighthBit, hex, toText, visible } from "./characters.ts";
import { findIdentification, identificationBeforeSilence, identificationIn } from "./framing.ts";
import { mannersBefore, wake } from "./manners.ts";
import { explainSml, isSml } from "./sml.ts";
import { encodeBreak, encodeRequest } from "./messages.ts";
import { REACTION_MS, REPEAT_MS, SILENCE_MS } from "./modes.ts";

/** A meter may sleep through the first request or two. */
const REQUESTS = 3;

/** The request is repeated when this has passed; 8 KiB without an identification is somebody else's conversation. */
const PATIENCE: Patience = { firstMs: REPEAT_MS, nextMs: SILENCE_MS, limitBytes: 8192 };

/** Whom to ask, and on which line. */
export interface SignOnOptions {
  readonly address?: string;
  readonly line: LineSettings;
  /** A file of `config/meters/`, whatever the meter says of itself. */
  readonly type?: string;
  /** What is to be done otherwise than the type has it. */
  readonly manners?: Manners;
}

/**
 * Asks until a meter says who it is, three times at most.
 * @throws {SilenceError} nobody answered
 * @throws {ProtocolError} `unreadable`: what came was no identification
 */
export function* signOn(inbox: Inbox, { address, line, type, manners }: SignOnOptions): Dialogue<Identification> {
  const { request: command, wakeUp, fastWakeUp, breakBauds = [], prolongedBreakMs } = mannersBefore(manners, type);
  const request = encodeRequest({ ...address !== undefined && { address }, ...command !== undefined && { command } });
  let heard = new Uint8Array();
  if (prolongedBreakMs) {
    yield* setLine(line);
    yield* prolongedBreak(prolongedBreakMs);
    yield* pause(REACTION_MS);
  }
  for (const baud of breakBauds) {
    yield* setLine({ ...line, baud });
    yield* send(encodeBreak());
  }
  yield* setLine(line);
  for (let asked = 0; asked < REQUESTS; asked++) {
    const waking = asked === 0 && fastWakeUp?.nuls ? fastWakeUp : wakeUp;
    if (waking?.nuls) yield* wake(waking, line);
    yield* flush();
    inbox.clear();
    yield* send(request);
    const identification = yield* answer(inbox);
    if (identification) return { ...identification, ...type !== undefined && { type } };
    if (!isOnly(inbox.bytes, request)) heard = inbox.bytes.slice();
  }
  const woken = wakeUp?.nuls ? `, each behind ${wakeUp.nuls} NULs` : "";
  const asked = `${visible(request).replace("<CR><LF>", "")} at ${formatLine(line)}`;
  if (heard.length === 0) throw new SilenceError(`No answer to ${asked} after ${REQUESTS} requests${woken}`);
  const shown = `${hex(heard)} ("${visible(heard.slice(0, 32))}")`;
  const what = `Cannot read the answer to ${asked}: no identification in ${shown}${parityHint(heard)}${
    languageHint(heard)
  }`;
  throw new ProtocolError("unreadable", what, heard);
}

/** An identification whose characters have their parity in bit 7. */
function parityHint(heard: Uint8Array): string {
  const stripped = identificationIn(toText(heard.map((byte) => byte & 0x7f)).trimEnd());
  return hasEighthBit(heard) && stripped ? "; its parity stands in bit 7: try parity=auto" : "";
}

/** What speaks there another language, by itself, is named. */
function languageHint(heard: Uint8Array): string {
  if (isSml(heard)) return `; ${explainSml(heard)}`;
  const isHdlc = heard.some((byte, at) => byte === 0x7e && (heard[at + 1] ?? 0) >> 4 === 0xa); // flag and frame format
  return isHdlc ? "; these are frames of HDLC, of a DLMS meter: obisd discover finds out how it is read" : "";
}

function* answer(inbox: Inbox): Dialogue<Identification | undefined> {
  try {
    return (yield* inbox.take(findIdentification(), PATIENCE)).value;
  } catch (error) {
    if (!(error instanceof SilenceError)) throw error;
    const identification = identificationBeforeSilence(inbox.bytes);
    if (identification) inbox.clear();
    return identification;
  }
}

/** Whether nothing came but our own words, from a two-wire line or an optical head that reflects. */
function isOnly(heard: Uint8Array, echo: Uint8Array): boolean {
  return toText(heard).replaceAll("\0", "").replace(toText(echo), "").trim() === "";
}
