/** Makes lines of what passes: bytes come in pieces of whatever size, a person reads the meter's lines. @module */
import type { TraceEvent } from "../session.ts";
import type { Secrets } from "./secrets.ts";

/** So much of what came is one line, if no line end comes before. */
const LINE_BYTES = 100;
const [LF, FLAG] = [0x0a, 0x7e];

/** An event; what was received is a whole line, whose last byte came at `toMs`. */
export type Gathered = TraceEvent & { readonly toMs?: number };

/** Takes events, and gives them on gathered. */
export interface Gatherer {
  add(event: TraceEvent): void;
  /** Gives on what has come of a line that is not whole. */
  end(): void;
}

/**
 * Hands each event to `put`, but what is received a line at a time. While secrets are known, no line is cut where it
 * does not end, for that would show half of one.
 * @param gapMs a line is also cut where nothing came for so long
 */
export function gatherer(put: (event: Gathered) => void, secrets: Secrets, gapMs = Infinity): Gatherer {
  let coming: { readonly bytes: number[]; readonly atMs: number; toMs: number } | undefined;
  const end = () => {
    const line = coming;
    coming = undefined;
    if (line) put({ kind: "received", ...line, bytes: Uint8Array.from(line.bytes) });
  };
  return {
    add: (event) => {
      if (event.kind !== "received") {
        end();
        if (event.kind === "sent" && event.secret !== undefined) secrets.learn(event.secret);
        return put(event);
      }
      if (coming && event.atMs - coming.toMs > gapMs && secrets.none) end();
      for (const byte of event.bytes) {
        coming ??= { bytes: [], atMs: event.atMs, toMs: event.atMs };
        coming.bytes.push(byte);
        coming.toMs = event.atMs;
        if (byte === LF && isText(coming.bytes) || coming.bytes.length >= LINE_BYTES && secrets.none) end();
      }
    },
    end,
  };
}

/** Whether octets may be the sign-on's: HDLC begins with a flag, the wrapper with zero. */
export function isText(bytes: ArrayLike<number>): boolean {
  return bytes[0] !== FLAG && bytes[0] !== 0 && Array.from(bytes).every((byte) => byte < 0x80);
}
