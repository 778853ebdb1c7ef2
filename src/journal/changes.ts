/** What changed since the last commit, to go along with the next: the cursors, and what happened to what their sinks lack. @module */
import type { Changes, DroppedLetters, SettledLetter } from "./messages.ts";
import type { DeadRow, GapRow } from "./rows.ts";

/** All that happened beside the cursors. */
export type Events = Omit<Changes, "sinks">;

/** Why a sink never sees some readings, and since when. */
export interface GapReason {
  readonly reason: string;
  readonly atMs: number;
}

/** What is not on disk of it. */
export class Unsaved {
  readonly dead: DeadRow[] = [];
  readonly letters: SettledLetter[] = [];
  readonly dropped: DroppedLetters[] = [];
  readonly gaps: GapRow[] = [];
  readonly forgotten: string[] = [];

  get isEmpty(): boolean {
    return this.dead.length + this.letters.length + this.dropped.length + this.gaps.length + this.forgotten.length ===
      0;
  }

  /** Takes all of it. */
  take(): Events {
    return {
      dead: this.dead.splice(0),
      letters: this.letters.splice(0),
      dropped: this.dropped.splice(0),
      gaps: this.gaps.splice(0),
      forgotten: this.forgotten.splice(0),
    };
  }

  /** What was taken did not reach the disk: it comes before what has happened since. */
  restore({ dead, letters, dropped, gaps, forgotten }: Events): void {
    this.dead.unshift(...dead);
    this.letters.unshift(...letters);
    this.dropped.unshift(...dropped);
    this.gaps.unshift(...gaps);
    this.forgotten.unshift(...forgotten);
  }

  /** What was counted before the file was open, by the numbers that readouts have now; of these sinks alone. */
  goOnBehind(before: Unsaved, seq: number, isOf: (sink: string) => boolean): void {
    const later = <R extends { readonly sink: string }>(rows: readonly R[]) => rows.filter(({ sink }) => isOf(sink));
    this.dead.push(...later(before.dead).map((row) => ({ ...row, seq: row.seq + seq })));
    this.gaps.push(
      ...later(before.gaps).map((row) => ({ ...row, fromSeq: row.fromSeq + seq, toSeq: row.toSeq + seq })),
    );
  }
}
