/** Readouts on their way to a sink: how many go together, and what was just written and need not be read again. @module */
import type { Batch, DeadLetter } from "../journal.ts";
import { occurrencesIn } from "../occurrence.ts";
import type { Reading } from "../reading.ts";
import type { DeadRow } from "./rows.ts";

/** A batch holds no more readouts, readings and bytes than this, but at least one readout. */
export const BATCH = { readouts: 200, readings: 5000, bytes: 256 * 1024 } as const;

/** A readout and its place in the log. */
export interface Readout {
  readonly seq: number;
  readonly total: number;
  /** Of its body. */
  readonly bytes: number;
  readonly readings: readonly Reading[];
}

/** The readouts that were just written: sinks that keep up need not ask the disk. */
export class Recent {
  #readouts: Readout[] = [];
  #readings = 0;

  /** Takes what was written last. What is not the next one leaves nothing before it in memory. */
  add(readout: Readout): void {
    const last = this.#readouts.at(-1)?.seq;
    if (last !== undefined && last + 1 !== readout.seq) this.clear();
    this.#readouts.push(readout);
    this.#readings += readout.readings.length;
  }

  /** The disk has to be asked again. */
  clear(): void {
    this.#readouts = [];
    this.#readings = 0;
  }

  /** As many after a cursor as a batch holds; none when the disk must be asked. */
  claim(after: number): Readout[] {
    const first = this.#readouts[0]?.seq ?? Infinity;
    return after + 1 < first ? [] : boundedPart(this.#readouts, after + 1 - first);
  }

  /** Keeps no more in memory than one batch, and nothing that every sink has. */
  forget(ackedByAll: number): void {
    let drop = 0;
    while (drop < this.#readouts.length) {
      const { seq, readings } = this.#readouts[drop]!;
      if (seq > ackedByAll && this.#readings <= BATCH.readings) break;
      this.#readings -= readings.length;
      drop++;
    }
    this.#readouts.splice(0, drop);
  }
}

/** What of a list fits into a batch, from `at` on. */
function boundedPart(readouts: readonly Readout[], at: number): Readout[] {
  const taken: Readout[] = [];
  let [readings, bytes] = [0, 0];
  for (; at < readouts.length && taken.length < BATCH.readouts; at++) {
    const next = readouts[at]!;
    readings += next.readings.length;
    bytes += next.bytes;
    if (taken.length > 0 && (readings > BATCH.readings || bytes > BATCH.bytes)) break;
    taken.push(next);
  }
  return taken;
}

/** Readouts as their sink gets them. */
export function toBatch(readouts: readonly Readout[]): Batch {
  const { seq, total } = readouts.at(-1)!;
  if (readouts.length === 1) {
    const { readings } = readouts[0]!;
    return { upTo: seq, total, readings, seqs: new Array<number>(readings.length).fill(seq) };
  }
  return {
    upTo: seq,
    total,
    readings: readouts.flatMap(({ readings }) => readings),
    seqs: readouts.flatMap(({ readings, seq }) => new Array<number>(readings.length).fill(seq)),
  };
}

/** What a sink can never take, as it is put aside. */
export function deadRows(
  sink: string,
  { readings, seqs }: Batch,
  { dead, atMs }: { readonly dead: readonly DeadLetter[]; readonly atMs: number },
): DeadRow[] {
  const occurrences = dead.length > 0 ? occurrencesIn(readings) : [];
  return dead.map(({ index, reason }) => {
    const seq = seqs[index]!;
    const [position, occurrence] = [index - seqs.indexOf(seq), occurrences[index]!];
    return { sink, seq, position, occurrence, atMs, reason, body: JSON.stringify(readings[index]) };
  });
}
