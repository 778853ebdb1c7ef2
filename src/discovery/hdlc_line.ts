/** Several DLMS meters on one HDLC line: each is asked by its number whether it is there. @module */
import { type Dialogue, Inbox, send, setLine } from "../dialogue.ts";
import { encodeFrame, findFrame, hdlcAddress } from "../dlms/mod.ts";
import { ProtocolError, SilenceError } from "../errors.ts";
import type { LineSettings } from "../line.ts";

/** Numbers that are tried where none are given: the first that the standard leaves free, where makers begin to count. */
export const LIKELY_NUMBERS: readonly number[] = Array.from({ length: 16 }, (_, at) => 16 + at);

/** The public client, and the logical device that every meter has. */
const [CLIENT, SERVER] = [hdlcAddress(16), 1];

/** A meter that is there answers a request to connect within this, ms; behind a converter it takes a while longer. */
export const PRESENCE_MS = 500;
const OCTETS_MS = 200;
/** Frames of others, and echoes, that are passed over. */
const STRANGE_FRAMES = 4;
/** Numbers that are no meter's: the caller's own, and that of all stations. */
const RESERVED: readonly number[] = [0x7e, 0x7f];

/** Of these numbers, those at which a meter answers with its own: who answers everybody is no such. */
export function* presentAmong(
  numbers: readonly number[],
  line: LineSettings,
  onAsked: (number: number) => void = () => {},
): Dialogue<number[]> {
  const inbox = new Inbox();
  const present: number[] = [];
  yield* setLine(line);
  for (const number of numbers) {
    onAsked(number);
    if (yield* isPresent(inbox, number)) present.push(number);
  }
  if (present.length < numbers.length) return present;
  return (yield* isPresent(inbox, strangerTo(numbers))) ? [] : present; // one that takes any number for its own
}

/** A number that is nobody's among these. */
function strangerTo(numbers: readonly number[]): number {
  let stranger = 100;
  while (numbers.includes(stranger) || RESERVED.includes(stranger)) stranger++;
  return stranger;
}

/** Asks for a connection, and takes that back at once, whatever happens. */
function* isPresent(inbox: Inbox, number: number): Dialogue<boolean> {
  let isConnected = true;
  try {
    const answer = yield* ask(inbox, number, "SNRM");
    isConnected = answer === "UA";
    return answer !== undefined;
  } finally {
    if (isConnected) yield* ask(inbox, number, "DISC");
  }
}

/** What it answers, `undefined`: nothing. */
function* ask(inbox: Inbox, number: number, kind: "SNRM" | "DISC"): Dialogue<string | undefined> {
  const destination = hdlcAddress(SERVER, number);
  const information = new Uint8Array();
  yield { kind: "flush" };
  inbox.clear();
  yield* send(
    encodeFrame({ destination, source: CLIENT, control: { kind, poll: true }, segmented: false, information }),
  );
  try {
    for (let strange = 0; strange < STRANGE_FRAMES; strange++) {
      const patience = { firstMs: PRESENCE_MS, nextMs: OCTETS_MS, limitBytes: 4096 };
      const { source, control } = (yield* inbox.take(findFrame(), patience)).value;
      if (source.lower === number && (control.kind === "UA" || control.kind === "DM")) return control.kind;
    }
  } catch (error) {
    if (!(error instanceof SilenceError || error instanceof ProtocolError)) throw error; // noise is no answer either
  }
  return undefined;
}
