/** Dead letters in the file: readings that a destination would not take, and what is done about them. @module */
import { crc32 } from "node:zlib";
import type {
  DroppedLetters,
  Excess,
  LetterChoice,
  LetterLimits,
  LetterState,
  Purged,
  Retried,
  SettledLetter,
} from "./messages.ts";
import type { DeadRow, LetterRow } from "./rows.ts";
import type { Sql } from "./sql.ts";

/** The columns of the table; the last three are not there where a format before 5 wrote it. */
interface StoredLetter {
  readonly id: number;
  readonly sink: string;
  readonly seq: number;
  readonly position: number;
  readonly at_ms: number;
  readonly reason: string;
  readonly body: string;
  readonly occurrence?: number;
  readonly again?: number;
  readonly crc?: number | null;
}

/** Looked at, and changed, at once. */
const ROWS = 500;
/** No sink has more letters than this, nor more bytes of them. */
const MOST = { letters: 10_000, bytes: 16 * 1024 * 1024 } as const;
/** What a letter takes in the file. */
const BYTES = "octet_length(body) + octet_length(reason)";

/** All of a choice: parameters 1 and 2. */
const CHOSEN = "(?1 IS NULL OR id IN (SELECT value FROM json_each(?1))) AND (?2 IS NULL OR sink = ?2)";
const parametersOf = ({ ids, sink }: LetterChoice) => [ids ? JSON.stringify(ids) : null, sink ?? null] as const;

/** Puts them aside; those of another file keep their numbers. */
export function putLetters(sql: Sql, rows: readonly (DeadRow & Partial<LetterRow>)[]): void {
  for (const row of rows) {
    const { id = null, sink, seq, position, occurrence, atMs, reason, body, again = false } = row;
    sql.run(
      `INSERT OR IGNORE INTO dead (id, sink, seq, position, occurrence, at_ms, reason, body, again, crc)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, sink, seq, position, occurrence, atMs, reason, body, Number(again), checkSum(row)],
    );
  }
}

/** All that a file of whatever version has, but those that are no readings any more. */
export function allLetters(sql: Sql): LetterRow[] {
  return sql.all<StoredLetter>("SELECT * FROM dead").map(toLetterRow).filter(({ damaged }) => !damaged);
}

/** The newest of a choice, oldest first, and how many there are of it. */
export function listLetters(sql: Sql, choice: LetterChoice, limit: number): { rows: LetterRow[]; count: number } {
  const newest = `SELECT * FROM dead WHERE ${CHOSEN} ORDER BY id DESC LIMIT ?3`;
  const rows = sql.all<StoredLetter>(newest, ...parametersOf(choice), limit).reverse().map(toLetterRow);
  return { rows, count: countLetters(sql, choice) };
}

function countLetters(sql: Sql, choice: LetterChoice): number {
  return sql.get<{ n: number }>(`SELECT count(*) AS n FROM dead WHERE ${CHOSEN}`, ...parametersOf(choice))!.n;
}

/** The next that wait to be offered to their sink once more. */
export function nextLetters(sql: Sql, sink: string, limit: number): LetterRow[] {
  const next = "SELECT * FROM dead WHERE sink = ? AND again = 1 ORDER BY id LIMIT ?";
  return sql.all<StoredLetter>(next, sink, limit).map(toLetterRow);
}

/** Of each sink that has any: how many there are, and how many of them wait to be offered once more. */
export function letterStates(sql: Sql): LetterState[] {
  return sql.all<LetterState>(
    "SELECT sink, count(*) AS letters, coalesce(sum(again), 0) AS again FROM dead GROUP BY sink",
  );
}

/** What of a sink's oldest letters must go, some at a time; `undefined`: nothing. */
export function excessLetters(sql: Sql, { sink, above, left }: LetterLimits): Excess | undefined {
  const { letters, bytes } = sql.get<{ letters: number; bytes: number }>(
    `SELECT count(*) AS letters, coalesce(sum(${BYTES}), 0) AS bytes FROM dead WHERE sink = ?`,
    sink,
  )!;
  if (letters <= MOST.letters * above && bytes <= MOST.bytes * above) return undefined;
  const oldest = `SELECT id, seq, ${BYTES} AS bytes FROM dead WHERE sink = ? AND again = 0 ORDER BY id LIMIT ${ROWS}`;
  const rows = sql.all<{ id: number; seq: number; bytes: number }>(oldest, sink);
  let [count, freed] = [0, 0];
  const tooMany = () => letters - count > MOST.letters * left || bytes - freed > MOST.bytes * left;
  while (count < rows.length && tooMany()) freed += rows[count++]!.bytes;
  const seqs = rows.slice(0, count).map(({ seq }) => seq);
  if (count === 0) return undefined; // all of them wait to be offered once more
  return { sink, upTo: rows[count - 1]!.id, count, fromSeq: Math.min(...seqs), toSeq: Math.max(...seqs) };
}

/** They give way. */
export function dropLetters(sql: Sql, dropped: readonly DroppedLetters[]): void {
  for (const { sink, upTo } of dropped) {
    sql.run("DELETE FROM dead WHERE sink = ? AND again = 0 AND id <= ?", sink, upTo);
  }
}

/** Those of a choice that can be read, whose sink is there, are offered once more. */
export function retryLetters(sql: Sql, choice: LetterChoice, sinks: readonly string[]): Retried {
  const done = { again: {} as Record<string, number>, damaged: 0, homeless: 0 };
  const next = `SELECT * FROM dead WHERE ${CHOSEN} AND again = 0 AND id > ?3 ORDER BY id LIMIT ${ROWS}`;
  sql.transaction(() => {
    for (let after = 0, rows: StoredLetter[]; (rows = sql.all(next, ...parametersOf(choice), after)).length > 0;) {
      after = rows.at(-1)!.id;
      for (const row of rows) {
        if (!sinks.includes(row.sink)) done.homeless++;
        else if (toLetterRow(row).damaged) done.damaged++;
        else {
          done.again[row.sink] = (done.again[row.sink] ?? 0) +
            sql.run("UPDATE dead SET again = 1 WHERE id = ?", row.id);
        }
      }
    }
  });
  return done;
}

/** Deletes those of a choice that do not wait to be offered once more. */
export function purgeLetters(sql: Sql, choice: LetterChoice): Purged {
  return sql.transaction(() => {
    const purged = sql.run(`DELETE FROM dead WHERE again = 0 AND ${CHOSEN}`, ...parametersOf(choice));
    return { purged, waiting: countLetters(sql, choice) };
  });
}

/** What was offered once more has arrived and goes, or was refused again, perhaps in other words. */
export function settleLetters(sql: Sql, settled: readonly SettledLetter[]): void {
  for (const { id, refused } of settled) {
    const row = sql.get<StoredLetter>("SELECT * FROM dead WHERE id = ?", id);
    if (!row) continue;
    if (!refused) sql.run("DELETE FROM dead WHERE id = ?", id);
    else {
      const letter = toLetterRow(row);
      const crc = letter.damaged ? row.crc ?? null : checkSum({ ...letter, ...refused });
      const change = "UPDATE dead SET again = 0, at_ms = ?, reason = ?, crc = ? WHERE id = ?";
      sql.run(change, refused.atMs, refused.reason, crc, id);
    }
  }
}

function checkSum({ sink, seq, position, occurrence, atMs, reason, body }: Omit<DeadRow, "id">): number {
  return crc32(JSON.stringify([sink, seq, position, occurrence, atMs, reason, body]));
}

/** The row as it crosses to the other side. What damage left of a readout, or has befallen the letter itself, is no reading. */
function toLetterRow({ at_ms: atMs, occurrence = 1, again = 0, crc = null, ...its }: StoredLetter): LetterRow {
  const row = { ...its, occurrence, atMs };
  const damaged = crc !== null && crc !== checkSum(row) || !isReading(row.body);
  return { ...row, again: again === 1, ...damaged && { damaged } };
}

function isReading(body: string): boolean {
  try {
    const { time, meter, address, text } = JSON.parse(body);
    return [time, meter, address, text].every((field) => typeof field === "string");
  } catch {
    return false;
  }
}
