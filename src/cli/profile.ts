/** `obisd profile`: a load profile, fetched in programming mode, as a table, for programs, or drawn. @module */
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { CSV_HEADER, toCsv, toJson } from "../format.ts";
import {
  type FetchedDay,
  isLogBook,
  type ProfileRow,
  type Programming,
  readProfile,
  type Zone,
  zoneOf,
} from "../iec62056/mod.ts";
import { parseObis } from "../obis/code.ts";
import { rowReadings } from "../profile_readings.ts";
import type { Identification } from "../telegram.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { DLMS_HELP, DLMS_OPTIONS } from "./dlms.ts";
import { openDlms } from "./dlms_session.ts";
import { plot } from "./plot.ts";
import { Fetched, local, type Range } from "./profile_fetched.ts";
import { progressOf } from "./profile_progress.ts";
import { consoleWidth, FORMATS } from "./present.ts";
import { openMeter, parseMeter, PROGRAMMING_HELP, PROGRAMMING_OPTIONS } from "./programming.ts";
import { LOAD_PROFILE, streamProfile } from "../profile_dlms.ts";
import { type Target, timeZoneOf } from "./target.ts";

const DAY_MS = 86_400_000;
/** A month at 300 Bd takes long. */
const TIMEOUT_MS = 2 * 3_600_000;
const SHOWN = ["plot", ...FORMATS] as const;

/** Fetches a load profile and shows it. */
export const profile: Command = {
  summary: "fetch a load profile from a meter",
  help: `obisd profile ENDPOINT|METER [P.01] [OPTIONS]

Fetches a load profile (P.01; P.02, where the meter has daily values) in programming mode (mode C), day by day. Each row
gets its time back across missing intervals, power failures, clocks that were set and both nights of the summer time;
what the meter's status says of it stands in the flags. A log book (P.98, P.99) is fetched alike: a row for each event,
its status, and the values that belong to it. What came before a session broke off is shown all the same.

  --from TIME          2026-06-01, 2026-06-01T12:00, or with a zone behind it; default 24 hours before --to
  --to TIME            default now
  --time-zone ZONE     what the meter's clock shows, and TIME without a zone (default: the METER's, else this machine's)
  --format FORMAT      table (default), json (one reading a line), csv, or plot for the eye
  --command R5|R6      R6 asks for partial blocks, which a bad line takes better (default R5)
  --name NAME          the meter's name in the readings (default: its identification)
${PROGRAMMING_HELP.replace("120s", "2h")}

  obisd simulate demo/household.txt --profile --pty /tmp/meter &
  obisd profile /tmp/meter --from $(date +%F) --format plot
  obisd profile flat-1 --from 2026-06-01 --to 2026-07-01 --format plot
  obisd profile /dev/ttyUSB0 P.02 --from 2026-01-01 --format csv > days.csv
  obisd profile /dev/ttyUSB0 P.98 --from 2026-06-01           # power failures, clocks that were set

In mode E it is the profile of a DLMS meter (default 1-0:99.1.0); each row is shown when it comes, in the meter's order:

  obisd profile flat-2 1-0:99.2.0 --from 2026-01-01

${DLMS_HELP}`,
  options: {
    ...PROGRAMMING_OPTIONS,
    ...DLMS_OPTIONS,
    from: { type: "string" },
    to: { type: "string" },
    "time-zone": { type: "string" },
    command: { type: "string" },
    format: { type: "string" },
  },

  async run(args, context) {
    const [what, wanted, ...more] = args.positionals;
    const target = await parseMeter(what, args);
    const address = wanted ?? target.backfill?.profile ?? (target.mode === "E" ? LOAD_PROFILE : "P.01");
    const fits = target.mode === "E" ? parseObis(address) !== "" : /^(\d-\d:)?P\.\d{1,3}$/.test(address);
    if (more.length > 0 || !fits) {
      throw new UsageError(
        `profile takes one ENDPOINT or METER, and a profile like ${target.mode === "E" ? LOAD_PROFILE : "P.01"}`,
      );
    }
    const format = SHOWN.find((format) => format === (args.values.format ?? "table"));
    if (!format) throw new UsageError(`--format ${args.values.format}: allowed are ${SHOWN.join(", ")}`);
    if (format === "plot" && isLogBook(address)) throw new UsageError(`${address} is a log book: events have no plot`);
    const { command } = args.values;
    if (command !== undefined && command !== "R5" && command !== "R6") {
      throw new UsageError(`--command ${command}: allowed are R5 and R6`);
    }
    const range = rangeOf(args.values, target, context);
    const fetched = new Fetched(range);
    let name = target.name;
    const named = (identification?: Identification) => name ??= identification?.line.slice(5).trim();
    const show = shower(
      () => ({ format, name: name ?? "-", target, isUnchecked: fetched.isUnchecked, ...range }),
      context,
    );
    const howFar = progressOf(range, context.clock);
    const profileRange = { ...range, zone: profileZone(args.values, target) ?? range.zone };
    try {
      if (target.mode === "E") {
        const { session } = await openDlms(target, args, context, TIMEOUT_MS);
        const isStreamed = format !== "plot" && !Deno.stdout.isTerminal(); // there the progress is in the way
        await session(function* ({ client, identification, note }) {
          named(identification);
          note(howFar(range.fromMs));
          const onRow = (row: ProfileRow) => {
            if (isStreamed) fetched.pass(row, show);
            else fetched.keep(row);
            note(howFar(fetched.doneMs));
          };
          fetched.note(yield* streamProfile(client, parseObis(address), profileRange, onRow));
        });
      } else {
        const { session } = await openMeter(target, args, context, TIMEOUT_MS);
        let doneMs = range.fromMs; // another session goes on there
        const fetchDays = function* (meter: Programming, note: (text: string) => void) {
          named(meter.identification);
          note(howFar(doneMs));
          const onDay = (day: FetchedDay) => {
            fetched.add(day);
            doneMs = day.untilMs;
            note(howFar(doneMs));
          };
          const asked = { ...profileRange, fromMs: doneMs, isZoneSure: profileRange.zone !== range.zone };
          yield* readProfile(meter, { ...asked, address, onDay, ...command !== undefined && { command } });
        };
        await session(fetchDays, 2);
        while (doneMs < range.toMs) { // some meters end it behind each day
          await context.clock.sleep(target.endpoint.options.quiet_time, context.signal);
          await session(fetchDays, 2);
        }
      }
    } catch (error) {
      if (!fetched.isEmpty) context.log.warning(fetched.brokenOff());
      throw error;
    } finally {
      if (format === "plot") drawAll(fetched.rows, range, context);
      else for (const row of fetched.rows) show(row);
    }
    for (const { fromMs, toMs, missing } of fetched.gaps) {
      context.log.warning(`The meter lacks ${missing} intervals from ${local(fromMs, range)} to ${local(toMs, range)}`);
    }
    for (const damage of fetched.damaged) context.log.warning(`Cannot read all of it: ${damage}`);
    if (fetched.isEmpty) {
      context.log.warning(`The meter has no rows of ${address} in this range, or no such profile`);
    }
    return fetched.damaged.length > 0 ? EXIT.damaged : EXIT.ok;
  },
};

interface Shown extends Range {
  readonly format: typeof SHOWN[number];
  readonly name: string;
  readonly target: Target;
  readonly isUnchecked: boolean;
}

/** Shows one row after the other. */
function shower(its: () => Shown, { print }: Context): (row: ProfileRow) => void {
  let heading = "";
  return (row) => {
    const shown = its();
    const [head, text] = shown.format === "table" ? tableRow(row, shown) : readingRows(row, shown);
    print(head === heading ? text : [...head === "" ? [] : [head], text].join("\n"));
    heading = head;
  };
}

/** Readings for programs, and what stands above them. */
function readingRows(
  row: ProfileRow,
  { format, name: meter, target: { labels }, isUnchecked }: Shown,
): [string, string] {
  const readings = rowReadings(row, { meter, isUnchecked, ...labels && { labels } });
  if (format === "json") return ["", readings.map(toJson).join("\n")];
  return [`${CSV_HEADER}\r`, readings.map((reading) => `${toCsv(reading)}\r`).join("\n")]; // RFC 4180 wants CR LF
}

function drawAll(rows: readonly ProfileRow[], range: Range, { print }: Context): void {
  if (rows.length === 0) return;
  const { width = 100 } = consoleWidth();
  print(plot(rows.map(measured), { width, label: (ms) => local(ms, range).slice(0, 16) }));
}

/** What can be drawn: values with a unit. */
function measured(row: ProfileRow): ProfileRow {
  const isMeasured = (_: unknown, at: number) => row.channels[at]!.unit !== "";
  return { ...row, channels: row.channels.filter(isMeasured), values: row.values.filter(isMeasured) };
}

/** A line an interval, the local time of its end in front; and its heading. */
function tableRow(row: ProfileRow, range: Range): [string, string] {
  const head = row.channels.map(({ address, unit }) => `${address} ${unit}`.trim());
  const widths = head.map((text) => Math.max(text.length, 10));
  const values = row.values.map(({ text }, at) => text.padStart(widths[at]!));
  const heading = ["".padEnd(19), ...head.map((text, at) => text.padStart(widths[at]!))].join("  ");
  return [heading, [local(row.endMs, range), ...values, ...row.flags].join("  ")];
}

/** What the profile's times are in, where the configuration says another zone than that of the meter's clock. */
function profileZone(values: Arguments["values"], { backfill }: Target): Zone | undefined {
  return values["time-zone"] === undefined && backfill?.timeZone !== undefined ? zoneOf(backfill.timeZone) : undefined;
}

function rangeOf(values: Arguments["values"], target: Target, { clock }: Context): Range {
  const timeZone = timeZoneOf(values["time-zone"], target.timeZone);
  const toMs = values.to === undefined ? clock.now() : parseTime("--to", String(values.to), timeZone);
  const fromMs = values.from === undefined ? toMs - DAY_MS : parseTime("--from", String(values.from), timeZone);
  if (values.to === undefined && fromMs >= toMs) {
    const now = local(toMs, { zone: zoneOf(timeZone) });
    throw new UsageError(`--from ${values.from} lies in the future: by this machine's clock it is ${now}`);
  }
  if (fromMs >= toMs) throw new UsageError("--from must lie before --to");
  return { fromMs, toMs, timeZone, zone: zoneOf(timeZone) };
}

/** A day, a local time, or a time with its zone. */
function parseTime(option: string, text: string, timeZone: string): number {
  try {
    const hasZone = text.includes("T") && /(Z|[+-]\d\d:?\d\d)$/i.test(text);
    const instant = hasZone
      ? Temporal.Instant.from(text)
      : Temporal.PlainDateTime.from(text.replace(" ", "T")).toZonedDateTime(timeZone).toInstant();
    return instant.epochMilliseconds;
  } catch (cause) {
    throw new UsageError(
      `${option} ${text}: a time like 2026-06-01, 2026-06-01T12:00 or 2026-06-01T12:00:00Z is wanted`,
      { cause },
    );
  }
}
