/** What a person sees of a long search: one step a line, and on a terminal how far the present one is. @module */
import { say } from "./watcher.ts";

/** Width of what is done, before what came of it. */
const WIDTH = 46;
/** A step is written anew this often at most, ms. */
const REFRESH_MS = 200;

/** Steps, one after the other, on standard error. */
export class Steps {
  #what = "";
  #note = "";
  #startMs = 0;
  #shownMs = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `live`: it is a terminal, where a line may be written anew. */
  constructor(readonly live: boolean) {}

  begin(what: string): void {
    [this.#what, this.#note, this.#startMs] = [what, "", Date.now()];
    if (!this.live) return;
    this.#show();
    this.#timer = setInterval(() => this.#show(), REFRESH_MS);
  }

  /** How far it is. */
  note(text: string): void {
    this.#note = text;
    if (this.live && Date.now() - this.#shownMs >= REFRESH_MS) this.#show();
  }

  /** What came of it. */
  end(result: string): void {
    clearInterval(this.#timer);
    say(`${this.live ? "\r\x1b[K" : ""}  ${this.#what.padEnd(WIDTH)} ${result}\n`);
  }

  #show(): void {
    this.#shownMs = Date.now();
    const seconds = Math.round((this.#shownMs - this.#startMs) / 1000);
    const text = `  ${this.#what.padEnd(WIDTH)} ${this.#note ? `${this.#note}, ` : ""}${seconds} s`;
    say(`\r\x1b[K${text.slice(0, (Deno.consoleSize().columns || 80) - 1)}`);
  }
}
