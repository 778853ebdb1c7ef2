/** One transaction: readouts, and all that changed in memory since the last. @module */
import type { Memory } from "./memory.ts";
import type { Size } from "./messages.ts";
import type { ReadoutRow } from "./rows.ts";

/** Writes it; `thinned`: readouts to delete. Whether dead letters changed in it. @throws {JournalError} and all is as before */
export async function commit(
  memory: Memory,
  readouts: readonly ReadoutRow[],
  thinned: readonly number[] = [],
): Promise<boolean> {
  const { cursors, forms, held, ring, port } = memory;
  const time = held.memory();
  const changes = cursors.take();
  const newForms = forms.unsaved();
  const notes = ring.length > readouts.length ? [] : memory.notes.unsaved(); // with the last they tell of
  const trimTo = cursors.ackedByAll(memory.head);
  const { ballast } = memory.size;
  try {
    const all = { readouts, thinned, forms: newForms, notes, trimTo, time, ...changes };
    memory.size = await port.ask<Size>({ kind: "commit", ...all });
  } catch (error) {
    cursors.restore(changes);
    throw error;
  }
  if (ballast && !memory.size.ballast) tellOfBallast(memory);
  cursors.saved(changes);
  forms.saved(newForms);
  memory.notes.saved(notes);
  held.remembered(time);
  held.sizeIs(memory.size);
  saved(memory, readouts.at(-1));
  return changes.letters.length > 0;
}

function tellOfBallast({ options: { log, path } }: Memory): void {
  log?.error("The disk is full: the journal goes on in the room that was kept for this; make room", { path });
}

/** The log ends there on disk, and in memory if it is not longer there. */
function saved(memory: Memory, last: ReadoutRow | undefined): void {
  if (!last) return;
  memory.saved = { seq: last.seq, total: last.total };
  if (last.seq > memory.head.seq) memory.head = memory.saved;
}
