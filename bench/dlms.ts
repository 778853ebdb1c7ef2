/** How fast a DLMS meter's two months of quarter hours become rows, and how long a cipher takes for 1 kB. @module */
import {
  array,
  type CaptureObject,
  captureObjectsData,
  CLOCK_COLUMN,
  type Data,
  dateTimeOf,
  decodeData,
  encodeData,
  encodeDateTime,
  integer,
  type Keys,
  type Meter,
  octetString,
  protect,
  readRows,
  readValue,
  Server,
  structure,
  unprotect,
  wrapperStation,
} from "../src/dlms/mod.ts";
import { LineError } from "../src/errors.ts";
import { converse } from "../src/session.ts";
import { acceptedTcp } from "../src/transport/tcp.ts";
import { projectPath, startChild } from "./child.ts";
import { type Measure, median, type Row } from "./table.ts";

const [ROWS, ROUNDS, MESSAGES] = [5952, 15, 2000];
const [PROFILE_MS, MESSAGE_MS] = [100, 0.2];
/** Of a buffer of 1 MB, and what reading it may take over idle. */
const [BUFFER_ROWS, BUFFER_MB] = [35_700, 30];

const COLUMNS: readonly CaptureObject[] = [
  CLOCK_COLUMN,
  { classId: 1, name: "0-0:96.10.1*255", attribute: 2, index: 0 },
  ...["1-0:1.8.0*255", "1-0:2.8.0*255"].map((name) => ({ classId: 3, name, attribute: 2, index: 0 })),
];

function rowsData(count: number): Data {
  return array(Array.from({ length: count }, (_, at) => {
    const time = octetString(encodeDateTime(dateTimeOf(Date.UTC(2024, 0, 1) + at * 900_000, -60)));
    const counts = [at * 17, at * 3].map((count) => integer("double-long-unsigned", 1_000_000 + count));
    return structure(time, integer("unsigned", 0), ...counts);
  }));
}

/** A meter that has such a buffer. */
function meterWith(rows: number): Meter {
  const register = (name: string) => ({
    ...{ classId: 3, name },
    attributes: { 2: integer("double-long-unsigned", 5), 3: structure(integer("integer", 1), integer("enum", 30)) },
  });
  const attributes = {
    2: rowsData(rows),
    3: captureObjectsData(COLUMNS),
    4: integer("double-long-unsigned", 900),
    7: integer("double-long-unsigned", rows),
  };
  const profile = { classId: 7, name: "1-0:99.1.0*255", attributes };
  const objects = [register("1-0:1.8.0*255"), register("1-0:2.8.0*255"), profile];
  return { title: new Uint8Array(8), objects, associations: [{ client: 16, credentials: { mechanism: "none" } }] };
}

/** How the service and the installed command tell V8 to keep its memory. */
const HEAPS = [["as the unit starts it", "obisd.service"], ["as a command", "obisd.sh"]] as const;

/** What a process takes that reads the buffer from that meter. */
async function memoryOfReading([how, file]: typeof HEAPS[number]): Promise<Row> {
  const flags = Deno.readTextFileSync(projectPath(`systemd/${file}`)).match(/--v8-flags=\S*max-semi-space-size\S*/)!;
  const meter = meterWith(BUFFER_ROWS);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const connection = await listener.accept();
    await using transport = acceptedTcp("the reader", connection, () => {});
    const station = wrapperStation({ port: 1, serve: (client) => new Server(meter, client) });
    await converse(transport, station, { signal: new AbortController().signal }).catch((error) => {
      if (!(error instanceof LineError)) throw error; // the reader has what it wanted
    });
  })();
  const reader = new URL("dlms_buffer.ts", import.meta.url).pathname;
  let said = "";
  const args = ["run", "--allow-all", "--quiet", ...flags, reader, `tcp://127.0.0.1:${listener.addr.port}`];
  await using child = startChild(Deno.execPath(), args, { onStdout: (line) => said += line });
  await child.done;
  await serving;
  const { idle, peak, count } = JSON.parse(said);
  if (count !== BUFFER_ROWS) throw new Error(`${count} rows came instead of ${BUFFER_ROWS}`);
  return {
    measure: `memory while a DLMS buffer of 1 MB is read (${BUFFER_ROWS} rows), over idle, ${how}`,
    result: `${(peak - idle).toFixed(0)} MB`,
    bound: `≤ ${BUFFER_MB} MB`,
    met: peak - idle <= BUFFER_MB,
  };
}

/** Milliseconds of each of several runs, after a few to warm up. */
function times(rounds: number, run: () => void): number[] {
  for (let round = 0; round < rounds; round++) run();
  return Array.from({ length: rounds }, () => {
    const startMs = performance.now();
    run();
    return performance.now() - startMs;
  });
}

/** The measure `dlms`. */
export const dlms: Measure = {
  name: "dlms",
  summary: "a DLMS profile of two months, a ciphered message of 1 kB, the memory for a buffer of 1 MB (seconds)",
  async run() {
    const octets = encodeData(rowsData(ROWS));
    const scalerUnit = { scaler: 1, unit: "Wh" };
    const decodeMs = median(times(ROUNDS, () => {
      const rows = readRows(decodeData(octets), { columns: COLUMNS, periodS: 900 });
      if (rows.flatMap(({ cells }) => cells.map((cell) => readValue(cell, scalerUnit))).length !== 4 * ROWS) {
        throw new Error();
      }
    }));
    const keys: Keys = { suite: 0, encryption: new Uint8Array(16).fill(1), authentication: new Uint8Array(16).fill(2) };
    const [title, message] = [new Uint8Array(8), new Uint8Array(1024)];
    let counter = 0;
    const bothMs = median(times(MESSAGES, () => {
      unprotect(protect(message, keys, { title, counter: counter++ }), keys, title);
    }));
    return [
      {
        measure: `DLMS profile: octets to scaled values (${ROWS} rows, ${octets.length} bytes)`,
        result: `${decodeMs.toFixed(1)} ms`,
        bound: `≤ ${PROFILE_MS} ms`,
        met: decodeMs <= PROFILE_MS,
      },
      {
        measure: "DLMS message of 1 kB ciphered and deciphered (AES-GCM-128)",
        result: `${bothMs.toFixed(3)} ms`,
        bound: `≤ ${MESSAGE_MS} ms`,
        met: bothMs <= MESSAGE_MS,
      },
      await memoryOfReading(HEAPS[0]),
      await memoryOfReading(HEAPS[1]),
    ];
  },
};
