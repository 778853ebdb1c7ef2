/**
 * The books and the file brought together: a file that could not be opened at first, one that was damaged, one that has
 * less than the books say.
 * @module
 */
import { JournalError } from "../errors.ts";
import { Forms } from "./forms.ts";
import type { Memory } from "./memory.ts";
import type { Check, Contents, Counted } from "./messages.ts";
import type { ReadoutRow } from "./rows.ts";
import { decodeReadout } from "./record.ts";

/** A sink that lacks more readouts than this is not counted out each time: that would read the whole file. */
const CHECKED_READOUTS = 5000;

/** Goes on behind what the file has: all that was numbered before it was open is numbered anew. */
export function goOnBehind(memory: Memory, contents: Contents, dropped: readonly Counted[]): void {
  const { options: { clock } } = memory;
  const sinks = [...memory.sinks.keys()];
  const { head, start = head, letters } = contents;
  const forms = new Forms(contents.forms);
  memory.cursors = memory.cursors.goOnBehind(contents.sinks, {
    sinks,
    head,
    start,
    letters,
    nowMs: clock.now(),
    dropped,
  });
  memory.cursors.lettersAre(contents.letters);
  memory.ring.renumber((row) => ({
    ...inForms(row, memory.forms, forms),
    seq: row.seq + head.seq,
    total: row.total + head.total,
  }));
  memory.notes = memory.notes.goOnBehind(contents.notes);
  memory.head = { seq: memory.head.seq + head.seq, total: memory.head.total + head.total };
  memory.saved = head;
  Object.assign(memory, { forms, size: contents, salvage: contents.salvage });
}

/** Goes on with the file as it lies there now, after trouble with it. @throws {JournalError} when it is another one */
export function goOnWith(memory: Memory, contents: Contents): void {
  const { head } = contents;
  if (head.seq < memory.saved.seq || head.seq > memory.head.seq) {
    throw new JournalError("failing", "another journal lies there now: restart obisd to begin with it");
  }
  if (contents.salvage) startOver(memory, contents);
  memory.size = contents;
  if (contents.damagedSinks) memory.cursors.touch();
  memory.ring.drop(head.seq); // a commit that failed may have arrived all the same
  if (head.seq > memory.saved.seq) memory.saved = head;
}

/** Goes on with a new file, which lacks what is known only here. */
export function startOver(memory: Memory, contents: Contents): void {
  Object.assign(memory, { size: contents, salvage: contents.salvage });
  memory.cursors.touch();
  memory.cursors.lettersAre(contents.letters);
  memory.forms.touch();
  memory.notes.touch();
  memory.held.touch();
  memory.recent.clear();
}

/** The same row, by the number that its form has elsewhere. */
function inForms(row: ReadoutRow, before: Forms, now: Forms): ReadoutRow {
  if (row.form === null) return row;
  const form = now.idOf(before.contentOf(row.form)!);
  if (form !== undefined) return { ...row, form };
  return { ...row, form: null, body: JSON.stringify(decodeReadout(row.atMs, before.rows(row.form), row.body)) };
}

/** Fetches what a damaged file still has, and says how much it was. Sinks that lack it wait meanwhile. */
export async function fetchSalvage(memory: Memory, onProgress: () => void): Promise<void> {
  const { port, options: { log } } = memory;
  let count = 0;
  while (memory.salvage) {
    const { salvage } = memory;
    const { fetched, after } = await port.ask<{ fetched: number; after: number }>({ kind: "salvage", ...salvage });
    count += fetched;
    memory.salvage = after < salvage.upTo ? { ...salvage, after } : undefined;
    onProgress();
    if (!memory.salvage) log?.warning(`${count} readouts were fetched from the damaged journal ${salvage.aside}`);
  }
}

/** Compares the books with the file, and corrects them where readings are missing. `all`: count out every sink. */
export async function checkBooks(memory: Memory, { all, lostUpTo }: { all: boolean; lostUpTo: number }): Promise<void> {
  const { port, cursors, saved, options: { log, clock } } = memory;
  const fault = (message: string) =>
    log?.error(`The journal's books are wrong: ${message}`, { path: memory.options.path });
  for (
    const { sink, ingested, delivered, pending, evicted, dead } of [...memory.sinks.keys()].map((sink) =>
      cursors.book(sink, memory.head.total)
    )
  ) {
    if (ingested !== delivered + pending + evicted + dead || pending < 0) {
      fault(
        `${sink}: ${ingested} ingested, ${delivered} delivered, ${pending} pending, ${evicted} evicted, ${dead} dead`,
      );
    }
  }
  // A sink that was just given what memory then had no room for is counted when it has settled.
  const counted = [...cursors.all()].filter(({ acked }) =>
    acked < saved.seq && acked >= lostUpTo && (all || saved.seq - acked <= CHECKED_READOUTS)
  );
  const places = counted.map(({ id, acked }) => ({ sink: id, acked }));
  const found = await port.ask<Check>({ kind: "check", places, upTo: saved.seq });
  // A new file in place of a damaged one knows no total before it has a readout.
  if (found.head.seq !== saved.seq || found.head.total > saved.total) {
    fault(`the file ends with readout ${found.head.seq}, not ${saved.seq}`);
  }
  counted.forEach((cursor, at) => {
    if (cursor.acked !== places[at]!.acked) return; // it has come further meanwhile: the next time
    const missing = saved.total - cursor.ackedTotal - cursor.ahead - found.pending[at]!;
    if (missing === 0) return;
    fault(`${cursor.id}: ${Math.abs(missing)} readings ${missing > 0 ? "are missing" : "too many"} on disk`);
    const gap = { fromSeq: cursor.acked + 1, toSeq: saved.seq, atMs: clock.now() };
    if (missing > 0) cursors.correct(cursor, missing, gap);
  });
}
