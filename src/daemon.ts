/** The daemon: lines that are served, sinks that are delivered to, and what a reload changes of them. @module */
import { dirname } from "node:path";
import { follow } from "./abort.ts";
import { type CollectorContext, serveLine } from "./collector.ts";
import { CollectorReport } from "./collector_report.ts";
import type { Config, LineConfig, SinkConfig } from "./config.ts";
import { type ProgramStatus, statusOf } from "./daemon_status.ts";
import { deliver, type Delivery } from "./delivery.ts";
import { collectGarbage, isOurGarbage } from "./garbage.ts";
import type { HeardCounters } from "./heard_counters.ts";
import { HostTime, timeTeller } from "./host_time.ts";
import { countersBeside, InvocationCounters } from "./invocation_counters.ts";
import { type Journal, openJournal } from "./journal.ts";
import { roomOn } from "./libc.ts";
import type { Log } from "./log.ts";
import { Moments } from "./moments.ts";
import { Progress } from "./progress.ts";
import { takePulse } from "./pulse.ts";
import { Standing } from "./standing.ts";
import type { Status } from "./status.ts";
import type { Endpoint } from "./transport/endpoint.ts";

/** How often somebody looks whether the host's clock was set. */
const LOOK_MS = 10_000;
/** How often somebody looks whether there is much garbage, where that is left to us. */
const GARBAGE_MS = 100;
/** How often the journal's books are compared with its file. */
const CHECK_MS = 60_000;
/** Given up when the disk is full, so that the journal can go on for a while. */
const BALLAST_BYTES = 4 * 1024 * 1024;

/** A loop that runs until it is retired. */
interface Running {
  /** What it was started with: the same again is left alone by a reload. */
  readonly settings: string;
  readonly retire: AbortController;
  readonly done: Promise<void>;
}

/** A line's loop, and what it holds until it is done: its port, and its meters' turns. */
type RunningLine = Running & { readonly port: string; readonly meters: ReadonlySet<string> };

/** A sink's loop. */
type RunningSink = Running & { readonly delivery: Delivery };

/** Runs a configuration until it is stopped; each part lives on its own. */
export class Daemon implements AsyncDisposable {
  readonly report: CollectorReport;
  readonly progress = new Progress();
  readonly #moments = new Moments();
  readonly #counters: InvocationCounters;
  readonly #standing = new Standing();
  #config: Config;
  readonly #stop = new AbortController();
  readonly #lines = new Map<string, RunningLine>();
  readonly #sinks = new Map<string, RunningSink>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];

  private constructor(config: Config, readonly log: Log, readonly time: HostTime, readonly journal: Journal) {
    this.#config = config;
    this.#counters = new InvocationCounters(countersBeside(config.journal.path), {
      onTrouble: (reason) => log.warning(reason),
    });
    this.report = new CollectorReport(log, time);
  }

  /** Opens the journal and starts every loop. Meters and sinks may all be absent. @throws {ConfigError | LineError} the journal's */
  static async start(config: Config, log: Log): Promise<Daemon> {
    const time = new HostTime({ onEvent: timeTeller(log) });
    const journal = await open(config, log, time);
    const daemon = new Daemon(config, log, time, journal);
    daemon.#applySinks(config);
    daemon.#applyLines(config);
    daemon.#takePulse();
    daemon.#timers.push(
      setInterval(() => time.look(), LOOK_MS), // a step is told soon, also when nobody reads
      setInterval(() => daemon.#check(), CHECK_MS),
      ...isOurGarbage ? [setInterval(collectGarbage, GARBAGE_MS)] : [],
    );
    return daemon;
  }

  /** Carries on with another configuration: what is the same in it goes on undisturbed, a session that runs is ended first. */
  reload(config: Config): void {
    const before = this.#config;
    if (settingsOf(before.journal) !== settingsOf(config.journal)) {
      this.log.warning("The journal's settings changed: restart required, they stay as they were until then");
    }
    this.#config = { ...config, journal: before.journal };
    this.#applyLines(config);
    this.#attachSinks(before.sinks, config.sinks);
    this.#applySinks(config);
  }

  /** Ends all loops, meters signed off, and closes the journal. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#stop.abort(new DOMException("obisd stops", "AbortError"));
    await retireAll(this.#lines.values(), this.#stop.signal.reason);
    this.#counters.heard.keep();
    await retireAll(this.#sinks.values(), this.#stop.signal.reason);
    await this.journal[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** What was heard from DLMS meters. */
  get heard(): HeardCounters {
    return this.#counters.heard;
  }

  /** How everything is doing. */
  status(program: ProgramStatus): Status {
    const { report, progress, time, journal } = this;
    const deliveries = new Map([...this.#sinks].map(([name, { delivery }]) => [name, delivery.state]));
    return statusOf({ config: this.#config, report, progress, journal, deliveries, time, program });
  }

  #applyLines(config: Config): void {
    const wanted = new Set(config.lines.map(({ name }) => name));
    for (const [name, running] of this.#lines) if (!wanted.has(name)) running.retire.abort();
    const changed = config.lines.map((line) => ({ line, settings: settingsOf([line, metersOn(line, config)]) }))
      .filter(({ line, settings }) => !isAsItWas(this.#lines.get(line.name), settings));
    for (const { line } of changed) this.#lines.get(line.name)?.retire.abort();
    const retired = [...this.#lines.values()].filter(({ retire }) => retire.signal.aborted);
    this.#standing.retain(new Set(config.meters.map(({ name }) => name)));
    for (const { line, settings } of changed) this.#serve(line, settings, { config, retired });
  }

  #serve(
    line: LineConfig,
    settings: string,
    { config, retired }: { readonly config: Config; readonly retired: readonly RunningLine[] },
  ): void {
    const retire = new AbortController();
    const [port, meters] = [portOf(line.endpoint), metersOn(line, config)];
    const names = new Set(meters.map(({ name }) => name));
    const held = retired.filter((before) => before.port === port || !before.meters.isDisjointFrom(names));
    const before = [this.#lines.get(line.name), ...held];
    const context: Omit<CollectorContext, "stop"> = {
      journal: this.journal,
      groupCommitMs: this.#config.journal.groupCommitMs,
      report: this.report,
      moments: this.#moments,
      counters: this.#counters,
      progress: this.progress,
      standing: { of: this.#standing, sinceMs: this.time.now() },
      clock: this.time,
      notes: {
        appendAll: async (...readouts) => await (await this.journal).appendAll(...readouts),
        waitsForTime: async () => (await this.journal).waitsForTime(),
        note: async (name) => (await this.journal).note(name),
      },
      retire: retire.signal,
    };
    const serve = async () => {
      await Promise.all(before.map((line) => line?.done)); // port and turns are the old loop's until its session has ended
      using stop = follow(this.#stop.signal);
      await serveLine(line, meters, { ...context, stop: stop.signal });
    };
    const done = serve().catch((error) => this.#died(line, error));
    this.#lines.set(line.name, { settings, port, meters: names, retire, done });
  }

  /** A loop catches all that meters and wires do; this is a fault of ours, and the unit starts us again. */
  #died({ name }: LineConfig, error: Error): void {
    this.log.error(`Line ${name} is no longer served: ${error.message}`, { line: name, stack: error.stack });
    this.progress.promise(`line ${name}`, 0);
  }

  /** What the journal must know of the sinks that come, go, or have other bounds. */
  #attachSinks(before: readonly SinkConfig[], now: readonly SinkConfig[]): void {
    for (const { name } of before) if (!now.some((sink) => sink.name === name)) this.journal.detach(name);
    for (const { name, bounds } of now) {
      const old = before.find((sink) => sink.name === name);
      if (settingsOf(old?.bounds) !== settingsOf(bounds)) this.journal.attach(name, bounds);
    }
  }

  /** Stops the sinks that are not wanted any more, and starts those that do not run as they should. */
  #applySinks({ sinks }: Config): void {
    for (const [name, running] of this.#sinks) {
      if (!sinks.some((sink) => sink.name === name)) this.#leave(name, running);
    }
    for (const sink of sinks) {
      const settings = settingsOf([sink.type, sink.options]);
      const before = this.#sinks.get(sink.name);
      if (isAsItWas(before, settings)) continue;
      before?.retire.abort(new DOMException("The sink changed", "AbortError"));
      this.#sinks.set(sink.name, this.#deliver(sink, settings, before?.done));
    }
  }

  /** What it is doing just now it may finish: whoever takes its name meanwhile waits for that. */
  #leave(name: string, running: RunningSink): void {
    running.retire.abort(new DOMException("The sink left", "AbortError"));
    running.done.then(() => this.#sinks.get(name) === running && this.#sinks.delete(name));
  }

  #deliver(sink: SinkConfig, settings: string, after: Promise<void> | undefined): RunningSink {
    const retire = new AbortController();
    const started = deliver(this.journal, sink, {
      ...{ signal: retire.signal, stop: this.#stop.signal, log: this.log },
      ...after && { after },
    });
    return { settings, retire, delivery: started, done: started.done };
  }

  async #check(): Promise<void> {
    await this.journal.check();
  }

  /** A worker that is dead or does not answer breaks its promise, and the watchdog sees it. */
  #takePulse(): void {
    const { progress, time: clock, log, journal } = this;
    const onTrouble = ({ message }: Error) => log.error(message);
    takePulse(() => journal.ping(), { progress, clock, signal: this.#stop.signal, onTrouble });
  }
}

function open({ journal, sinks }: Config, log: Log, time: HostTime): Promise<Journal> {
  const folder = dirname(journal.path);
  return openJournal({
    ...journal,
    sinks: sinks.map((sink) => sink.name),
    sinkBounds: Object.fromEntries(sinks.map(({ name, bounds }) => [name, bounds])),
    freeSpace: () => roomOn(folder),
    ballastBytes: BALLAST_BYTES,
    log,
    time,
  });
}

async function retireAll(loops: Iterable<Running>, reason: unknown): Promise<void> {
  const all = [...loops];
  for (const { retire } of all) retire.abort(reason);
  await Promise.all(all.map(({ done }) => done));
}

function metersOn({ name }: LineConfig, { meters }: Config) {
  return meters.filter((meter) => meter.line === name);
}

function isAsItWas(running: Running | undefined, settings: string): boolean {
  return running?.settings === settings && !running.retire.signal.aborted;
}

/** What two lines of different names cannot have open at once. */
function portOf(endpoint: Endpoint): string {
  return endpoint.kind === "serial" ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}

/** The same text for the same settings; of a secret, whence it comes. */
function settingsOf(part: unknown): string {
  return JSON.stringify(part);
}
