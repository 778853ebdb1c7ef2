/** Statements of the open database, each prepared once, and transactions. @module */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Wal } from "./wal.ts";

/** What a column takes. */
export type Value = string | number | null | Uint8Array;

/** A database and its statements. All calls block. */
export class Sql {
  readonly #statements = new Map<string, StatementSync>();

  /** `wal`: brings to disk what is committed; absent: nobody waits for that. */
  constructor(readonly db: DatabaseSync, readonly wal?: Wal) {}

  /** Changes something. Returns how many rows. */
  run(sql: string, ...values: Value[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  /** The first row. */
  get<R = Record<string, unknown>>(sql: string, ...values: Value[]): R | undefined {
    return this.#prepare(sql).get(...values) as R | undefined;
  }

  /** All rows at once: `iterate` takes an error for the end. */
  all<R = Record<string, unknown>>(sql: string, ...values: Value[]): R[] {
    return this.#prepare(sql).all(...values) as R[];
  }

  /** All of it or nothing; on disk when it returns, if there is a log. */
  transaction<T>(work: () => T): T {
    this.wal?.assertWhole();
    this.run("BEGIN IMMEDIATE");
    try {
      const done = work();
      this.run("COMMIT");
      this.wal?.flush();
      return done;
    } catch (error) {
      if (this.db.isTransaction) this.run("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.db.close();
    this.wal?.[Symbol.dispose]();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, statement = this.db.prepare(sql));
    return statement;
  }
}
