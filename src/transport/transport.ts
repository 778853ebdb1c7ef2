/** A byte stream whose line settings may change: what a session talks over. @module */
import type { LineSettings } from "../line.ts";

/** Open until disposed; one reader and one writer at a time. Every failure is a `LineError`. */
export interface Transport extends AsyncDisposable {
  /** At least one byte, never overwritten later. An abort throws the signal's reason and loses no byte: the next read brings it. */
  read(signal: AbortSignal): Promise<Uint8Array>;
  /** Resolves when the last bit has left (tcdrain). */
  write(bytes: Uint8Array): Promise<void>;
  /** After all that was written has left. TCP: nothing to do, and says so once. */
  setLine(settings: LineSettings): Promise<void>;
  /** Holds the line at space, after all that was written has left, or lets go of it. Absent: nobody can, as over TCP. */
  setBreak?(on: boolean): Promise<void>;
  /** Forgets what came and was not read. */
  flush(): void;
}
