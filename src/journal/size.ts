/** What the file is like after a commit. @module */
import type { Size } from "./messages.ts";
import { PAGE_BYTES } from "./schema.ts";
import type { Sql } from "./sql.ts";
import type { StoredReadout } from "./stored.ts";

/** Found without looking through it; `ballast`: whether there is any. */
export function sizeOf(sql: Sql, ballast: boolean): Size {
  const number = (query: string) => Object.values(sql.get(query)!)[0] as number | null;
  const pages = number("PRAGMA page_count")!;
  const free = number("PRAGMA freelist_count")!;
  const row = sql.get<StoredReadout>("SELECT seq, at_ms FROM readout ORDER BY seq LIMIT 1");
  const first = number("SELECT min(seq) FROM held");
  const count = first === null ? 0 : number("SELECT count(*) FROM held")!;
  return {
    ...{ bytes: (pages - free) * PAGE_BYTES, fileBytes: pages * PAGE_BYTES, ballast },
    ...first !== null && { held: { first, count } },
    ...row && { oldest: { seq: row.seq, atMs: row.at_ms } },
  };
}
