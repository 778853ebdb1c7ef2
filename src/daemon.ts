/** The daemon: lines that are served, sinks that are delivered to, and what a reload changes of them. @module */
import { type CollectorContext, type Counts, serveLine } from "./collector.ts";
import type { Config, LineConfig, SinkConfig } from "./config.ts";
import { deliver, type Delivery } from "./delivery.ts";
import { type Journal, openJournal } from "./journal.ts";
import type { Log } from "./log.ts";
import { Progress } from "./progress.ts";

/** The journal's worker has this long to answer before the watchdog calls it stuck; an SD card may stall for many seconds. */
const JOURNAL_MS = 90_000;
const PING_MS = 10_000;

/** A loop that runs until it is retired. */
interface Running {
  /** What it was started with: the same again is left alone by a reload. */
  readonly settings: string;
  readonly retire: AbortController;
  readonly done: Promise<void>;
}

/** Runs a configuration until it is stopped; each part lives on its own. */
export class Daemon {
  readonly counts: Counts = { readouts: 0, readings: 0, failures: 0, lostSlots: 0, dropped: 0 };
  readonly progress = new Progress();
  #config: Config;
  /** A promise, because a reload that changes the sinks opens it anew; readouts wait for it. */
  #journal: Promise<Journal>;
  readonly #stop = new AbortController();
  readonly #lines = new Map<string, Running>();
  #deliveries: Delivery[] = [];
  #stopDeliveries = new AbortController();
  #pinger: ReturnType<typeof setInterval> | undefined;

  private constructor(config: Config, readonly log: Log, journal: Journal) {
    this.#config = config;
    this.#journal = Promise.resolve(journal);
  }

  /** Opens the journal and starts every loop. Meters and sinks may all be absent. @throws {ConfigError | LineError} the journal's */
  static async start(config: Config, log: Log): Promise<Daemon> {
    const daemon = new Daemon(config, log, await open(config, log));
    await daemon.#startDeliveries();
    daemon.#applyLines(config);
    daemon.#pinger = setInterval(() => daemon.#ping(), PING_MS);
    return daemon;
  }

  /** Carries on with another configuration: what is the same in it goes on undisturbed, a session that runs is ended first. */
  async reload(config: Config): Promise<void> {
    const before = this.#config;
    if (JSON.stringify(before.journal) !== JSON.stringify(config.journal)) {
      this.log.warning("The journal's settings changed: restart required, they stay as they were until then");
    }
    this.#config = { ...config, journal: before.journal };
    this.#applyLines(config);
    if (settingsOf(before.sinks) !== settingsOf(config.sinks)) await this.#restartDeliveries();
  }

  /** Ends all loops, meters signed off, and closes the journal. */
  async stop(): Promise<void> {
    clearInterval(this.#pinger);
    this.#stop.abort(new DOMException("obisd stops", "AbortError"));
    for (const { retire } of this.#lines.values()) retire.abort(this.#stop.signal.reason);
    await Promise.all([...this.#lines.values()].map(({ done }) => done));
    this.#stopDeliveries.abort(this.#stop.signal.reason);
    await Promise.all(this.#deliveries.map(({ done }) => done));
    await (await this.#journal)[Symbol.asyncDispose]();
  }

  /** One line for `systemctl status`. */
  async status(): Promise<string> {
    const { readouts, lostSlots } = this.counts;
    const books = (await this.#journal).books();
    const sinks = this.#deliveries.map(({ state }) => {
      const pending = books.find(({ sink }) => sink === state.sink)?.pending ?? 0;
      return `${state.sink}: ${pending} pending${state.lastError === undefined ? "" : ` (${state.lastError})`}`;
    });
    return [`${this.#config.meters.length} meters, ${readouts} readouts, ${lostSlots} slots lost`, ...sinks].join("; ");
  }

  #applyLines(config: Config): void {
    const wanted = new Map(config.lines.map((line) => [line.name, line]));
    for (const [name, running] of this.#lines) if (!wanted.has(name)) running.retire.abort();
    for (const line of config.lines) this.#serve(line, config);
  }

  #serve(line: LineConfig, config: Config): void {
    const meters = config.meters.filter((meter) => meter.line === line.name);
    const settings = settingsOf([line, meters]);
    const before = this.#lines.get(line.name);
    if (before?.settings === settings && !before.retire.signal.aborted) return;
    before?.retire.abort();
    const retire = new AbortController();
    const context: CollectorContext = {
      journal: { append: async (readings) => await (await this.#journal).append(readings) },
      log: this.log,
      counts: this.counts,
      progress: this.progress,
      stop: this.#stop.signal,
      retire: retire.signal,
    };
    const serve = async () => {
      await before?.done; // the port is the old loop's until its session has ended
      await serveLine(line, meters, context);
    };
    this.#lines.set(line.name, { settings, retire, done: serve().catch((error) => this.#died(line, error)) });
  }

  /** A loop catches all that meters and wires do; this is a fault of ours, and the unit starts us again. */
  #died(line: LineConfig, error: Error): void {
    this.log.error(`Line ${line.name} is no longer served: ${error.message}`, { line: line.name, stack: error.stack });
    this.progress.promise(`line ${line.name}`, 0);
  }

  async #startDeliveries(): Promise<void> {
    const journal = await this.#journal;
    this.#stopDeliveries = new AbortController();
    const options = { signal: this.#stopDeliveries.signal, log: this.log };
    this.#deliveries = this.#config.sinks.map((sink: SinkConfig) => deliver(journal, sink, options));
  }

  async #restartDeliveries(): Promise<void> {
    this.#stopDeliveries.abort(new DOMException("The sinks changed", "AbortError"));
    const before = await this.#journal;
    this.#journal = Promise.all(this.#deliveries.map(({ done }) => done))
      .then(() => before[Symbol.asyncDispose]())
      .then(() => open(this.#config, this.log));
    await this.#startDeliveries();
  }

  async #ping(): Promise<void> {
    await (await this.#journal).ping();
    this.progress.promise("journal", JOURNAL_MS);
  }
}

function open({ journal, sinks }: Config, log: Log): Promise<Journal> {
  return openJournal({ ...journal, sinks: sinks.map((sink) => sink.name), log });
}

function settingsOf(part: unknown): string {
  return JSON.stringify(part);
}
