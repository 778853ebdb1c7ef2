/** How fast a DLMS meter's two months of quarter hours become rows, and how long a cipher takes for 1 kB. @module */
import {
  array,
  type CaptureObject,
  CLOCK_COLUMN,
  dateTimeOf,
  decodeData,
  encodeData,
  encodeDateTime,
  integer,
  type Keys,
  octetString,
  protect,
  readRows,
  readValue,
  structure,
  unprotect,
} from "../src/dlms/mod.ts";
import { type Measure, median } from "./table.ts";

const [ROWS, ROUNDS, MESSAGES] = [5952, 15, 2000];
const [PROFILE_MS, MESSAGE_MS] = [100, 0.2];

const COLUMNS: readonly CaptureObject[] = [
  CLOCK_COLUMN,
  { classId: 1, name: "0-0:96.10.1*255", attribute: 2, index: 0 },
  ...["1-0:1.8.0*255", "1-0:2.8.0*255"].map((name) => ({ classId: 3, name, attribute: 2, index: 0 })),
];

function profile(): Uint8Array {
  return encodeData(array(Array.from({ length: ROWS }, (_, at) => {
    const time = octetString(encodeDateTime(dateTimeOf(Date.UTC(2024, 0, 1) + at * 900_000, -60)));
    const counts = [at * 17, at * 3].map((count) => integer("double-long-unsigned", 1_000_000 + count));
    return structure(time, integer("unsigned", 0), ...counts);
  })));
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
  summary: "a DLMS profile of two months, a ciphered message of 1 kB (seconds)",
  run() {
    const octets = profile();
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
    return Promise.resolve([
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
    ]);
  },
};
