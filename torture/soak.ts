/**
 * Time compressed: the daemon as the unit starts it reads eight meters once a second, as much in an hour as a meter of
 * quarter hours says in five weeks, while one meter is silent and the database refuses now and then. Neither memory nor
 * descriptors may grow, and nothing may be missing at the end.
 * @module
 */
import { sleep, startSimulator, temporaryFolder } from "../bench/child.ts";
import { metersAt, startDaemon } from "../bench/daemon.ts";
import { AS_THE_UNIT_DOES, bundle } from "../bench/footprint.ts";
import { READINGS, telegram } from "../bench/telegram.ts";
import { residentMb } from "../bench/usage.ts";
import type { Row, Trial } from "./trial.ts";

const METERS = 8;
/** Looked at so often. */
const LOOK_MS = 1000;
/** Of the time, so much warms up: the first megabytes are code and heaps that find their size. */
const WARM_SHARE = 0.25;
/** Memory goes up and down by what is collected when: of each window only the least counts. */
const WINDOWS = 12;
/** The database refuses for one second in so many. */
const REFUSED_EVERY = 30;

/** What was seen at one moment. */
interface Look {
  readonly atMs: number;
  readonly mb: number;
  readonly descriptors: number;
}

/** The trial `soak`; its count is minutes. */
export const soak: Trial = {
  name: "soak",
  summary: "an hour (--count MINUTES) of readouts once a second: memory and descriptors stay as they are",
  async run({ count: minutes = 60, say }) {
    await bundle();
    await using folder = await temporaryFolder();
    const file = `${folder.path}/telegram.txt`;
    await Deno.writeFile(file, telegram(true));
    let asked = 0;
    const meter = [file, "--listen", "tcp://127.0.0.1:0", "--no-pacing", "--log-level", "debug"];
    await using simulator = await startSimulator(meter, (line) => line.includes("A request for ") && asked++);
    await using database = moodyDatabase();
    const { lines, meters } = metersAt(simulator.endpoint, METERS, "1s");
    await using daemon = await startDaemon({
      folder: folder.path,
      config: {
        lines: { ...lines as object, nobody: { url: `tcp://127.0.0.1:${closedPort()}` } },
        meters: [...meters as unknown[], { name: "silent", line: "nobody", mode: "C", every: "10s" }],
        sinks: [
          { type: "stdout" },
          { type: "csv", path: `${folder.path}/readings.csv` },
          { type: "influxdb", url: database.url, database: "energy" },
        ],
        journal: { path: `${folder.path}/journal.db` },
      },
      ...AS_THE_UNIT_DOES,
    });
    const looks: Look[] = [];
    for (const endMs = Date.now() + minutes * 60_000; Date.now() < endMs;) {
      await Promise.race([sleep(LOOK_MS), daemon.done]);
      looks.push(await lookAt(daemon.pid));
      if (looks.length % 60 === 0) say(`  ${looks.length / 60} min: ${looks.at(-1)!.mb.toFixed(1)} MB\n`);
    }
    await daemon[Symbol.asyncDispose]();
    return rowsOf(looks, asked, await readingsIn(`${folder.path}/readings.csv`));
  },
};

function rowsOf(looks: readonly Look[], asked: number, readings: number): Row[] {
  const warm = looks.slice(Math.floor(looks.length * WARM_SHARE));
  const size = Math.ceil(warm.length / WINDOWS);
  const windows = Array.from({ length: WINDOWS }, (_, at) => warm.slice(at * size, (at + 1) * size))
    .filter((window) => window.length > 0);
  const least = windows.map((window) => Math.min(...window.map(({ mb }) => mb)));
  const hours = (warm.at(-1)!.atMs - warm[0]!.atMs) / 3_600_000;
  const slope = slopeOf(least) * (least.length - 1) / hours;
  const most = Math.max(...looks.map(({ mb }) => mb));
  const descriptors = windows.map((window) => Math.min(...window.map((look) => look.descriptors)));
  const readouts = readings / READINGS;
  return [{
    measure: `${readouts} readouts of ${METERS} meters: memory`,
    result: `${least[0]!.toFixed(1)} → ${least.at(-1)!.toFixed(1)} MB, ${slope.toFixed(2)} MB/h (most ${
      most.toFixed(1)
    })`,
    bound: "≤ 3 % of growth",
    met: least.at(-1)! <= least[0]! * 1.03,
  }, {
    measure: "… descriptors",
    result: `${descriptors[0]} → ${descriptors.at(-1)}`,
    bound: "none more",
    met: descriptors.at(-1)! <= descriptors[0]!,
  }, {
    measure: "… asked for and not in the CSV file",
    result: `${asked - readouts} of ${asked}`,
    bound: `whole ones, ≤ ${2 * METERS}: under way at the end`,
    met: Number.isInteger(readouts) && asked - readouts <= 2 * METERS,
  }];
}

/** Change from one to the next, by the median of all pairs (Theil–Sen): an outlier moves it little. */
function slopeOf(values: readonly number[]): number {
  const slopes = values.flatMap((left, at) => values.slice(at + 1).map((right, by) => (right - left) / (by + 1)));
  return slopes.toSorted((a, b) => a - b)[slopes.length >> 1] ?? 0;
}

async function lookAt(pid: number): Promise<Look> {
  const descriptors = [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
  return { atMs: Date.now(), mb: (await residentMb(pid)).now, descriptors };
}

/** Lines of a file without its header. */
async function readingsIn(path: string): Promise<number> {
  using file = await Deno.open(path);
  let lines = -1;
  for await (const piece of file.readable) for (const byte of piece) if (byte === 10) lines++;
  return lines;
}

function moodyDatabase(): AsyncDisposable & { readonly url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    await request.arrayBuffer();
    const refuses = Math.floor(Date.now() / 1000) % REFUSED_EVERY === 0;
    return new Response(undefined, { status: refuses ? 503 : 204 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Nobody listens there. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
