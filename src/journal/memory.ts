/** What the parts of an open journal share: what is on disk, what is in memory, and where everybody stands. @module */
import type { Clock } from "../clock.ts";
import type { JournalOptions, SinkBounds } from "../journal.ts";
import type { Recent } from "./batch.ts";
import type { Cursors } from "./cursors.ts";
import type { Forms } from "./forms.ts";
import type { Held } from "./held.ts";
import type { Salvage, Size } from "./messages.ts";
import type { Head } from "./rows.ts";
import type { Notes } from "./notes.ts";
import type { JournalPort } from "./port.ts";
import type { Ring } from "./ring.ts";

/** A journal's options with what they leave out. */
export type Settings = JournalOptions & { readonly clock: Clock; readonly retryMs: number };

/** Changed by the store and its parts. */
export interface Memory {
  readonly port: JournalPort;
  readonly options: Settings;
  /** The sinks that are attached, and their own bounds. */
  readonly sinks: Map<string, SinkBounds>;
  cursors: Cursors;
  forms: Forms;
  notes: Notes;
  readonly recent: Recent;
  readonly ring: Ring;
  readonly held: Held;
  /** The last readout of the log. */
  head: Head;
  /** The last that is on disk; behind it there is only the ring. */
  saved: Head;
  size: Size;
  /** Readouts are still fetched from a damaged file: sinks that lack them wait. */
  salvage: Salvage | undefined;
  /** How often somebody wanted dead letters to be offered again or deleted: what was found out before is old. */
  letterWishes: number;
}
