/** Rows of a DLMS meter whose clock says no zone: both nights of the year. @module */
import assert from "node:assert/strict";
import { deviationIn } from "../src/profile_dlms.ts";
import {
  array,
  CLOCK_COLUMN,
  type Data,
  encodeDateTime,
  integer,
  octetString,
  readRows,
  structure,
} from "../src/dlms/mod.ts";
import { zoneOf } from "../src/iec62056/time_stamp.ts";

const QUARTER_MS = 900_000;
const zone = zoneOf("Europe/Berlin");
const columns = [CLOCK_COLUMN, { classId: 3, name: "1-0:1.8.0*255", attribute: 2, index: 0 }];

/** What the meter's clock shows at a moment, in twelve octets without a deviation; `season`: its status says summer time. */
function shown(ms: number, season: boolean): Data {
  const local = new Date(ms + zone.offsetMs(ms));
  const isSummer = zone.offsetMs(ms) !== zone.normalMs(ms);
  return octetString(encodeDateTime({
    ...{ year: local.getUTCFullYear(), month: local.getUTCMonth() + 1, day: local.getUTCDate() },
    ...{ hour: local.getUTCHours(), minute: local.getUTCMinutes(), second: 0 },
    status: season && isSummer ? 0x80 : 0,
  }));
}

Deno.test("profile --mode E: rows without a zone have the time of the zone, through both nights, each once", () => {
  for (const night of ["2026-03-29", "2026-10-25", "2026-07-01"]) {
    for (const season of [true, false]) {
      const startMs = Date.parse(`${night}T00:00:00+01:00`);
      const moments = Array.from({ length: 20 }, (_, at) => startMs + at * QUARTER_MS);
      const rows = moments.map((ms) => structure(shown(ms, season), integer("double-long-unsigned", 1)));
      const read = readRows(array(rows), { columns, periodS: 900, deviationOf: deviationIn(zone) });
      assert.deepEqual(read.map(({ atMs }) => atMs), moments, `${night} ${season}`);
    }
  }
});
