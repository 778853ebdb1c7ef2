/**
 * The file opened: for the first time, again after trouble of the disk, or another one in place of a damaged one, of which
 * readouts are still to be fetched.
 * @module
 */
import type { Memory } from "./memory.ts";
import type { Contents, Counted } from "./messages.ts";
import { fetchSalvage, goOnBehind, goOnWith, startOver } from "./repair.ts";
import type { Timers } from "./timers.ts";

/** Who wants to know. */
export interface OpeningEvents {
  /** There is more for the sinks. */
  readonly onChange: () => void;
  /** It is open for the first time: numbers are real from now on. */
  readonly onOpen: () => void;
  /** All that a damaged file had has been fetched. */
  readonly onFetched: () => void;
}

/** Opens a journal's file. */
export class FileOpener {
  #opened = false;
  #fetching: Promise<void> | undefined;
  /** Readouts that memory had no room for while the file was never open. */
  #dropped: Counted[] = [];

  /** Fetches are tried again by these timers, until they are stopped. */
  constructor(readonly memory: Memory, readonly timers: Timers, readonly events: OpeningEvents) {}

  /** Whether it has been open once: until then every number is provisional. */
  get isOpened(): boolean {
    return this.#opened;
  }

  /** Memory had no room for these. */
  dropped(rows: readonly Counted[]): void {
    if (!this.#opened) this.#dropped.push(...rows.map(({ seq, count }) => ({ seq, count })));
  }

  /** @throws {ConfigError | LineError | JournalError} by who must act */
  async open(): Promise<void> {
    const { memory } = this;
    const contents = await this.#ask();
    if (this.#opened) goOnWith(memory, contents);
    else this.#begin(contents);
    memory.held.sizeIs(memory.size);
    this.fetch();
  }

  /** The file is damaged: a new one takes its place, which has nothing yet. @throws {JournalError} */
  async renew(): Promise<void> {
    startOver(this.memory, await this.#ask(true));
  }

  /** Fetches from a damaged file what it still has. */
  fetch(): void {
    const { memory, timers, events: { onChange, onFetched } } = this;
    const { log, retryMs } = memory.options;
    if (!memory.salvage || this.#fetching) return;
    const { aside, upTo } = memory.salvage;
    log?.error(`The journal was damaged: it is set aside as ${aside}, readouts up to ${upTo} are fetched from it`);
    this.#fetching = fetchSalvage(memory, onChange)
      .then(onFetched)
      .catch((error: Error) => {
        if (timers.stopped) return;
        log?.warning(`Cannot fetch readouts from ${aside} now: ${error.message}`);
        timers.start("fetch", retryMs, () => this.fetch());
      })
      .finally(() => this.#fetching = undefined);
  }

  #begin(contents: Contents): void {
    const { memory, memory: { options: { log, time } } } = this;
    if (contents.time) time?.remember(contents.time);
    if (contents.damagedSinks) {
      const what = "The journal was damaged: the places of some sinks are lost";
      log?.error(`${what}; they get all that is there, readings they have had included`);
    }
    goOnBehind(memory, contents, this.#dropped);
    [this.#dropped, this.#opened] = [[], true];
    this.events.onOpen();
  }

  async #ask(damaged = false): Promise<Contents> {
    const { path, ballastBytes = 0, log } = this.memory.options;
    const behind = this.#opened && { behind: this.memory.saved };
    const contents = await this.memory.port.ask<Contents>({ kind: "open", path, ballastBytes, damaged, ...behind });
    for (const what of contents.mended ?? []) log?.error(`The journal was damaged: ${what}`, { path });
    return contents;
  }
}
