/** Days of a line with simulated meters that have load profiles, in the time of a clock that jumps, and a journal on disk. @module */
import "../../src/asking_dlms.ts"; // loaded already when the collector wants it: a file takes no time of a clock that jumps
import type { BackfillConfig, MeterConfig } from "../../src/config.ts";
import { serveLine } from "../../src/collector.ts";
import { CollectorReport } from "../../src/collector_report.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { InvocationCounters } from "../../src/invocation_counters.ts";
import { HostTime } from "../../src/host_time.ts";
import { type JournalOptions, openJournal } from "../../src/journal.ts";
import { Moments } from "../../src/moments.ts";
import { Progress } from "../../src/progress.ts";
import type { Reading } from "../../src/reading.ts";
import { type DlmsOptions, parseCaptures, parseFault, type SimulatorOptions } from "../../src/simulator/mod.ts";
import { parseEndpoint } from "../../src/transport/endpoint.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeHost } from "./fake_host.ts";
import { listeningLog } from "./listening_log.ts";
import { memoryLine } from "./memory_line.ts";
import { temporaryFolder } from "./readings.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const QUARTER = 15 * MINUTE;
export const DAY = 24 * HOUR;

/** What is configured of a meter besides the usual; its back-fill too, or `null`: none. */
export type MeterOptions = Partial<Omit<MeterConfig, "backfill">> & {
  readonly backfill?: Partial<BackfillConfig> | null;
};

/** How a stretch of time is. */
export interface Stretch {
  readonly meters?: readonly MeterOptions[];
  readonly zone?: string;
  /** What the meters' profiles are kept in; default `zone`. */
  readonly profileZone?: string;
  /** Where the line ends; default `tcp://fake:1`, which is opened anew each time. */
  readonly url?: string;
  /** Behind it. */
  readonly query?: string;
  /** The meters have clocks, and they run. */
  readonly live?: boolean;
  readonly programming?: NonNullable<SimulatorOptions["programming"]>;
  readonly pacing?: boolean;
  /** Whether the meters answer at a moment, ms since 1970. */
  readonly answers?: (nowMs: number) => boolean;
  /** The meters are DLMS meters. */
  readonly dlms?: DlmsOptions;
  /** What goes wrong with the meters. */
  readonly faults?: readonly string[];
  /** How far the meter's own clock is behind. */
  readonly slowMs?: number;
  /** The machine starts with the stretch, by a clock that shows this; it is put right after so long, or never. */
  readonly host?: { readonly wallMs: number; readonly rightAfterMs?: number };
  readonly unsynchronised?: JournalOptions["unsynchronised"];
}

/** What came of it. */
export class World implements Disposable {
  readonly arrived: Reading[] = [];
  readonly log = listeningLog();
  /** Of the last stretch. */
  report = new CollectorReport(this.log);
  /** Wires that were opened, and when. */
  opened: number[] = [];
  readonly #folder = temporaryFolder();
  #boots = 0;

  /** The daemon runs from a moment on, and ends as if it were killed between two readouts. */
  async run(fromMs: number, forMs: number, stretch: Stretch = {}): Promise<void> {
    const {
      zone = "UTC",
      profileZone = zone,
      meters = [{}],
      url = "tcp://fake:1",
      query = "",
      faults = [],
      answers = () => true,
      slowMs = 0,
      host: machine,
      unsynchronised,
      ...its
    } = stretch;
    const clock = new FakeClock(0, fromMs);
    const time = machine && this.#start(clock, machine);
    const end = new AbortController();
    clock.sleep(forMs).then(() => end.abort("over"));
    const journal = await openJournal({
      path: `${this.#folder.path}/journal.db`,
      sinks: ["all"],
      maxBytes: 1e9,
      ...time ? { time } : { clock },
      ...unsynchronised && { unsynchronised },
    });
    this.report = new CollectorReport(this.log, time ?? clock);
    const open = memoryLine({ ...clockOf(clock), now: () => clock.now() - slowMs }, () => {
      this.opened.push(clock.now());
      return {
        ...{ ...its, profile: profileZone, meters: meters.map(({ name = "m" }) => simulated(name, its.live)) },
        faults: [...faults, ...answers(clock.now()) ? [] : ["silent:ident"]].map(parseFault),
      };
    });
    const config = meters.map((meter) => configOf(meter, zone));
    await clock.run(serveLine({ name: "room", endpoint: parseEndpoint(url + query) }, config, {
      journal: { append: (...readout) => clock.outside(journal.append(...readout)) },
      notes: {
        appendAll: (...readouts) => clock.outside(journal.appendAll(...readouts)),
        waitsForTime: () => Promise.resolve(journal.waitsForTime()),
        note: (name) => Promise.resolve(journal.note(name)),
      },
      ...{ report: this.report, moments: new Moments(), progress: new Progress(), clock: time ?? clock, open },
      ...{ stop: end.signal, retire: end.signal, counters: new InvocationCounters("/nowhere") }, // nothing is ciphered
    }));
    const free = () => journal.state().held === 0;
    while (time?.trusted && !free()) await clock.run(Promise.all([clock.sleep(2000), clock.outside(journal.ping())]));
    while (journal.books()[0]!.pending > 0 && free()) {
      const batch = await journal.next("all", AbortSignal.timeout(20_000));
      this.arrived.push(...batch.readings);
      journal.acknowledge("all", batch);
    }
    await journal[Symbol.asyncDispose]();
  }

  #start(clock: FakeClock, { wallMs, rightAfterMs = Infinity }: NonNullable<Stretch["host"]>): HostTime {
    const host = new FakeHost(clock, wallMs);
    host.bootId = `boot-${++this.#boots}`;
    if (rightAfterMs === 0) host.synchronise();
    else if (rightAfterMs < Infinity) clock.sleep(rightAfterMs).then(() => host.synchronise());
    return new HostTime({ host });
  }

  /** Interval ends that were fetched, in the order in which they came, each as often as it did. */
  backfilled(meter = "m"): number[] {
    const [first] = this.arrived.filter(({ meter: name, flags }) => name === meter && flags.includes("backfilled"));
    return this.arrived.filter((reading) =>
      reading.meter === meter && reading.flags.includes("backfilled") && reading.obis === first!.obis
    ).map(({ time }) => Date.parse(time));
  }

  /** When readouts came, those whose time nobody knows left out. */
  live(meter = "m"): number[] {
    return this.arrived.filter(({ meter: name, flags, address }) =>
      name === meter && address === "1.8.0" && !flags.some((flag) => /^(backfilled|clock-unsynchronised)$/.test(flag))
    ).map(({ time }) => Date.parse(time));
  }

  /** Quarter hours from the first readout to the last that came more or less often than once. */
  wrongQuarters(meter = "m"): string[] {
    const live = this.live(meter).map((ms) => Math.floor(ms / QUARTER) * QUARTER);
    const all = [...live, ...this.backfilled(meter)];
    const wrong: string[] = [];
    for (let ms = Math.min(...live); ms <= Math.max(...live); ms += QUARTER) {
      const count = all.filter((other) => other === ms).length;
      if (count !== 1) wrong.push(`${new Date(ms).toISOString()} ${count}`);
    }
    return wrong;
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

function clockOf(clock: FakeClock) {
  return {
    monotonic: () => clock.monotonic(),
    sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms, signal),
  };
}

function simulated(name: string, live = false) {
  const clock = live ? "0.9.1(120000)\r\n0.9.2(260601)\r\n" : "";
  return {
    captures: parseCaptures(toBytes(`/ABC5METER\r\n0.0.0(${name})\r\n${clock}1.8.0(0147238.4*kWh)\r\n!\r\n`)),
    address: name,
  };
}

function configOf({ name = "m", backfill, ...its }: MeterOptions, timeZone: string): MeterConfig {
  return {
    ...{ name, line: "room", address: name, mode: "auto", timeZone, labels: { site: "north" }, tries: 3 },
    ...{ timestamp: "readout", schedule: { kind: "every", ms: QUARTER, timeZone } },
    ...its,
    ...backfill !== null && {
      backfill: { profile: "P.01", maxAgeMs: 40 * DAY, budgetMs: 6 * MINUTE, from: "now", ...backfill },
    },
  };
}
