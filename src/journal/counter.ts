/** What a sink gets next, and what becomes of what it has got. @module */
import type { Acknowledgement, Batch, DeadLetter } from "../journal.ts";
import { BATCH, deadRows } from "./batch.ts";
import { type Claim, claim } from "./claims.ts";
import type { Outcome } from "./cursor.ts";
import { offered } from "./letter_box.ts";
import type { Memory } from "./memory.ts";
import type { Head, LetterRow, ReadoutRow, Settled } from "./rows.ts";
import type { News } from "./news.ts";
import type { Writer } from "./writer.ts";

/** More readouts than this are not acknowledged in memory alone. */
const UNSAVED_READOUTS = BATCH.readouts;

/** Where the sinks are served. */
export class Counter {
  #given = new WeakSet<Batch>();
  /** Batches that were given before the file was open, and behind what they came to lie in it. */
  #early: { readonly given: WeakSet<Batch>; readonly head: Head } | undefined;

  /** `news`: there is more for the sinks. */
  constructor(readonly memory: Memory, readonly writer: Writer, readonly news: News) {}

  /** The file is open: what was given until now lies behind what it has. */
  opened(): void {
    this.#early = { given: this.#given, head: this.memory.saved };
    this.#given = new WeakSet();
  }

  /** As {@link Journal.next}. */
  async next(sink: string, signal: AbortSignal): Promise<Batch> {
    while (true) {
      signal.throwIfAborted();
      const [cursor, changes] = [this.memory.cursors.of(sink), this.news.count];
      const { acked, ahead } = cursor;
      const letters = cursor.again > 0 && cursor.settling === 0 && !this.writer.trouble;
      const claimed = letters ? await this.#claimLetters(sink) : await this.#claim(acked);
      if (this.memory.cursors.of(sink) !== cursor || cursor.acked !== acked) continue; // led past it meanwhile
      if (cursor.ahead !== ahead) continue; // some of it was taken out meanwhile, and is counted
      if (!claimed) {
        if (changes === this.news.count && !letters) await this.news.next(signal);
      } else if ("batch" in claimed) {
        if (!claimed.batch.letters) cursor.claimedTo = claimed.batch.upTo;
        this.#given.add(claimed.batch);
        return claimed.batch;
      } else this.#skip(sink, claimed);
    }
  }

  /** As {@link Journal.acknowledge}. */
  acknowledge(sink: string, batch: Batch, { mark, dead = [] }: Acknowledgement): void {
    if (batch.letters) return this.#settleLetters(sink, batch.letters, { mark, dead });
    const real = this.#renumbered(batch);
    const { acked } = this.memory.cursors.of(sink);
    if (real !== batch && acked < this.#early!.head.seq) return; // it has older ones to get first
    const count = real.seqs.length - real.seqs.findLastIndex((seq) => seq <= acked) - 1;
    const atMs = this.memory.options.clock.now();
    this.#settle(sink, { seq: real.upTo, total: real.total, count }, {
      ...{ mark, atMs },
      dead: deadRows(sink, real, { dead, atMs }),
    });
  }

  /** A damaged file is no failure: the sink waits for the new one. */
  async #claim(after: number): Promise<Claim | undefined> {
    try {
      return await claim(this.memory, after);
    } catch (error) {
      if (!this.writer.isMending(error)) throw error;
      return undefined;
    }
  }

  /** Dead letters that somebody wants offered once more. */
  async #claimLetters(sink: string): Promise<Claim | undefined> {
    const { cursors, port } = this.memory;
    try {
      const rows = await port.ask<LetterRow[]>({ kind: "next letters", sink, limit: BATCH.readouts });
      return offered(cursors.of(sink), rows);
    } catch (error) {
      if (!this.writer.isMending(error)) throw error;
      return undefined;
    }
  }

  #settleLetters(
    sink: string,
    letters: readonly number[],
    { mark, dead }: { readonly mark: string | undefined; readonly dead: readonly DeadLetter[] },
  ): void {
    const refusals = new Map(
      dead.map(({ index, reason }) => [index, { reason, atMs: this.memory.options.clock.now() }]),
    );
    const settled = letters.map((id, at) => ({ id, sink, ...refusals.has(at) && { refused: refusals.get(at)! } }));
    this.memory.cursors.settleLetters(sink, settled, mark);
    this.writer.settled();
    void this.writer.do("save");
  }

  /** Nothing comes for the sink from here: a readout whose bits have turned, or none where one ought to be. */
  #skip(sink: string, claimed: Exclude<Claim, { readonly batch: Batch }>): void {
    const { log, clock } = this.memory.options;
    const atMs = clock.now();
    if ("absent" in claimed) {
      const missing = this.memory.cursors.pending(sink, claimed.absent.total);
      if (missing > 0) {
        log?.error(`${missing} readings up to readout ${claimed.absent.seq} are missing on disk`, { sink });
      }
      this.#settle(sink, claimed.absent, { mark: undefined, dead: [], atMs });
      return;
    }
    const { seq, body } = claimed.damaged;
    const { total, count } = this.#placeOf(sink, claimed.damaged);
    log?.error(`Readout ${seq} is damaged on disk and put aside, ${count} readings`, { sink, seq });
    const rest = { sink, seq, occurrence: 1, atMs, reason: "check sum wrong on disk" };
    const dead = Array.from({ length: count }, (_, position) => ({ ...rest, position, body: position ? "" : body }));
    this.#settle(sink, { seq, total, count }, { mark: undefined, dead, atMs });
  }

  /** Where a damaged readout ends, and how many readings it had: what it says itself need not be true. */
  #placeOf(sink: string, { seq, total, count }: ReadoutRow): Omit<Settled, "seq"> {
    const { cursors, head } = this.memory;
    const { acked, ackedTotal } = cursors.of(sink);
    const end = total > ackedTotal && total <= head.total ? total : Math.min(ackedTotal + 1, head.total);
    const most = end - ackedTotal;
    return { total: end, count: seq !== acked + 1 && count > 0 && count < most ? count : most };
  }

  #settle(sink: string, to: Settled, outcome: Outcome): void {
    const { cursors } = this.memory;
    cursors.settle(sink, to, outcome);
    this.writer.settled();
    if (cursors.lags(sink, UNSAVED_READOUTS) || outcome.dead.length > 0) void this.writer.do("save");
  }

  /** A batch by the numbers that its readouts have now. */
  #renumbered(batch: Batch): Batch {
    if (!this.#early?.given.has(batch)) return batch;
    const { seq, total } = this.#early.head;
    return {
      ...batch,
      upTo: batch.upTo + seq,
      total: batch.total + total,
      seqs: batch.seqs.map((its) => its + seq),
    };
  }
}
