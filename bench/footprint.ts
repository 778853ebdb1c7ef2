/**
 * Memory and start of the daemon with eight meters and three sinks: from its sources, bundled, and bundled as the unit
 * starts it. InfluxDB's place is taken by a server that says yes to everything.
 * @module
 */
import { FROM_SOURCES, projectPath, sleep, startChild, startSimulator, temporaryFolder } from "./child.ts";
import { type DaemonOptions, metersAt, startDaemon } from "./daemon.ts";
import { type Measure, median, type Row } from "./table.ts";
import { telegram } from "./telegram.ts";
import { residentMb } from "./usage.ts";

const METERS = 8;
const STARTS = 5;
const RUN_MS = 60_000;
/** A readout of each meter once a second is as much as an hour of one a minute, once in ten seconds more than most ask for. */
const LOADS = ["1s", "10s"] as const;

const BUNDLE = projectPath("dist/obisd.js");

/** How the daemon may be started. */
interface Start {
  readonly how: string;
  readonly program: readonly string[];
  readonly env?: Record<string, string>;
}

/** How the unit starts the bundle that {@link bundle} makes. */
export const AS_THE_UNIT_DOES = startedBy("obisd.service");
/** The same with the drop-in for hundreds of meters. */
export const WITH_MANY_METERS = startedBy("many_meters.conf");

const STARTED: readonly Start[] = [
  { how: "from sources", program: FROM_SOURCES },
  { how: "bundled", program: ["run", "--allow-all", "--quiet", "--no-config", "--no-lock", BUNDLE] },
  { how: "bundled, as the unit starts it", ...AS_THE_UNIT_DOES },
];

/** Deno's arguments in a file's ExecStart=, up to the permissions, and how the unit allocates. */
function startedBy(file: string): Pick<Start, "program" | "env"> {
  const [, line] = unitFile(file).match(/^ExecStart=\S+ (.*?) \$OBISD_PERMISSIONS/m)!;
  const allocating = unitFile("obisd.service").matchAll(/\b(MALLOC_\w+)=(\d+)/g);
  return {
    program: [...line!.trim().split(/\s+/), "--allow-all", BUNDLE],
    env: Object.fromEntries([...allocating].map(([, name, value]) => [name!, value!])),
  };
}

/** What it says, each directive on one line. */
function unitFile(name: string): string {
  return Deno.readTextFileSync(projectPath(`systemd/${name}`)).replaceAll("\\\n", " ");
}

/** The measure `footprint`. */
export const footprint: Measure = {
  name: "footprint",
  summary: `memory and start with ${METERS} meters and three sinks (seven minutes)`,
  async run() {
    await bundle();
    await using folder = await temporaryFolder();
    const file = `${folder.path}/telegram.txt`;
    await Deno.writeFile(file, telegram(true));
    await using simulator = await startSimulator([file, "--listen", "tcp://127.0.0.1:0", "--no-pacing"]);
    await using database = acceptEverything();
    const rows: Row[] = [];
    for (const start of STARTED) {
      for (const every of LOADS) {
        const config = {
          ...metersAt(simulator.endpoint, METERS, every),
          sinks: [
            { type: "stdout" },
            { type: "csv", path: `${folder.path}/readings.csv` },
            { type: "influxdb", url: database.url, database: "energy" },
          ],
          journal: { path: `${folder.path}/journal.db` },
        };
        const options = { folder: folder.path, config, ...start };
        if (every === LOADS[0]) rows.push(await measureStart(start.how, options));
        rows.push(await measureMemory(`once in ${every}, ${start.how}`, options, database));
      }
    }
    return rows;
  },
};

async function measureStart(how: string, options: DaemonOptions): Promise<Row> {
  const starts: number[] = [];
  for (let start = 0; start <= STARTS; start++) {
    await using daemon = await startDaemon(options);
    if (start > 0) starts.push(daemon.readyMs); // the first one warms the caches
  }
  return {
    measure: `start to READY, warm, ${how}`,
    result: `${(median(starts) / 1000).toFixed(2)} s`,
    bound: "≤ 0.5 s",
    met: median(starts) <= 500,
  };
}

async function measureMemory(how: string, options: DaemonOptions, database: Database): Promise<Row> {
  await using daemon = await startDaemon(options);
  const before = database.writes();
  await Promise.race([sleep(RUN_MS), daemon.done]);
  const { now, peak } = await residentMb(daemon.pid);
  if (database.writes() === before) throw new Error("No reading reached the database");
  return {
    measure: `memory, ${METERS} meters, three sinks, each read ${how}`,
    result: `${now.toFixed(0)} MB (peak ${peak.toFixed(0)} MB)`,
    bound: "≤ 80 MB",
    met: now <= 80,
  };
}

/** Makes the program as it is installed, and has it read once before it runs, as the unit's ExecStartPre= does. */
export async function bundle(): Promise<void> {
  const [, line] = unitFile("obisd.service").match(/^ExecStartPre=\S+ (.*) \S+\/obisd\.js --version$/m)!;
  const make = ["run", "--allow-all", "--quiet", projectPath("src/bundle.ts")];
  for (const args of [make, [...line!.trim().split(/\s+/), "--allow-all", BUNDLE, "--version"]]) {
    await using child = startChild(Deno.execPath(), args);
    await child.done;
  }
}

/** A server to which the sink can write. */
interface Database extends AsyncDisposable {
  readonly url: string;
  /** How often it did. */
  writes(): number;
}

function acceptEverything(): Database {
  let bodies = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    await request.arrayBuffer();
    bodies++;
    return new Response(undefined, { status: 204 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    writes: () => bodies,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
