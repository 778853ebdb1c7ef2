/** Recognises a DLMS meter that speaks by itself, by a frame whose check is right; what is in it stays closed. @module */
import { type Dialogue, type Finder, Inbox, setLine } from "../dialogue.ts";
import { findFrame, findLongFrame, type Framing } from "../dlms/mod.ts";
import type { LineSettings } from "../line.ts";

/** Finds a frame of HDLC or M-Bus, whatever stands before it. */
function findDlmsFrame(): Finder<Framing> {
  const finders = [["hdlc", findFrame()], ["m-bus", findLongFrame()]] as const;
  return (bytes) => {
    for (const [value, find] of finders) {
      const found = find(bytes);
      if (found) return { start: found.start, end: found.end, value };
    }
    return undefined;
  };
}

/** Waits for such a frame. @throws {SilenceError} nothing came, or what is none @throws {ProtocolError} `endless` */
export function* hearFrame(line: LineSettings, withinMs: number): Dialogue<Framing> {
  yield* setLine(line);
  return (yield* new Inbox().take(findDlmsFrame(), { firstMs: withinMs, nextMs: withinMs, limitBytes: 1 << 14 })).value;
}
