/** What a sink gets next: from memory when it keeps up, else from disk. @module */
import type { Batch } from "../journal.ts";
import type { Flag, Reading } from "../reading.ts";
import { BATCH, type Readout, toBatch } from "./batch.ts";
import type { Memory } from "./memory.ts";
import { QUALITY, type ReadoutRow, type Settled } from "./rows.ts";
import { dated, decodeReadout } from "./record.ts";

/** A batch; or a place up to which the sink gets nothing, because a damaged or missing readout stands there. */
export type Claim = { readonly batch: Batch } | { readonly damaged: ReadoutRow } | { readonly absent: Settled };

/** The next readouts behind a cursor; `undefined`: there is nothing yet. @throws {JournalError} */
export async function claim(memory: Memory, after: number): Promise<Claim | undefined> {
  const { port, recent, ring, held, saved, head, salvage } = memory;
  if (after >= head.seq || salvage && after >= salvage.after && after < salvage.upTo) return undefined;
  if (after >= saved.seq) {
    const rows = ring.claim(after, (row) => held.dated(row));
    return toClaim(memory, rows) ??
      (ring.claim(after, (row) => row).length > 0 ? undefined : { absent: { ...head, count: 0 } });
  }
  const free = Math.min(saved.seq, held.first - 1); // no sink may pass what waits for its time
  if (after >= free) return undefined;
  const known = toClaim(memory, recent.claim(after));
  if (known) return known;
  const upTo = salvage && after < salvage.upTo ? Math.min(salvage.after, free) : free;
  const rows = await port.ask<ReadoutRow[]>({ kind: "read", after, upTo, ...BATCH });
  const claimed = toClaim(memory, rows);
  if (claimed || salvage && after < salvage.upTo) return claimed; // what is missing now may only be missing yet
  if (free === saved.seq) return { absent: { ...saved, count: 0 } };
  const [next] = await port.ask<ReadoutRow[]>({ kind: "read", after, upTo: saved.seq, ...BATCH, readouts: 1 });
  return next && { absent: { seq: next.seq - 1, total: next.total - next.count, count: 0 } };
}

/** Those before the first damaged one; a damaged one when its turn comes. */
function toClaim(memory: Memory, rows: readonly ReadoutRow[]): Claim | undefined {
  const whole: Readout[] = [];
  for (const [at, row] of rows.entries()) {
    const readings = decode(memory, row);
    if (readings) whole.push({ seq: row.seq, total: row.total, readings });
    else if (whole.length > 0) break;
    else return { damaged: { ...row, total: totalOf(memory, row, rows[at + 1]) } };
  }
  return whole.length > 0 ? { batch: toBatch(whole) } : undefined;
}

/** What a damaged row cannot be asked any more: the one behind it tells, or the end of the log. */
function totalOf({ saved }: Memory, { seq, total }: ReadoutRow, next: ReadoutRow | undefined): number {
  if (seq === saved.seq) return saved.total;
  return next && !next.damaged ? next.total - next.count : total;
}

function decode({ forms }: Memory, row: ReadoutRow): readonly Reading[] | undefined {
  if (row.damaged) return undefined;
  const form = row.form === null ? undefined : forms.rows(row.form);
  if (row.form !== null && form?.length !== row.count) return undefined;
  const { atMs, body, quality } = row;
  const flags = quality === QUALITY.good || quality === QUALITY.redated ? CERTAIN : UNCERTAIN;
  const readings = decodeReadout(atMs, form, body, flags);
  return form || quality === QUALITY.good ? readings : dated(readings, atMs, flags); // what has no form has the time of its writing
}

/** What is to be said of the time of a readout. */
const CERTAIN: readonly Flag[] = [];
const UNCERTAIN: readonly Flag[] = ["clock-unsynchronised"];
