/** Every option of the configuration: what it means, what is allowed, its default. Said here and nowhere else. @module */
import * as z from "zod";
import { nearest } from "../nearest.ts";
import { parsed } from "../parsed.ts";
import { ACCESSES } from "../iec62056/access.ts";
import { REGISTER } from "../iec62056/registers.ts";
import { filePath, secret } from "../secret.ts";
import { parseEndpoint } from "../transport/endpoint.ts";
import { parseDuration, parseSize } from "../units.ts";
import { dlmsSchema } from "./dlms.ts";

const duration = parsed(parseDuration).meta({ means: "duration" });
const size = parsed(parseSize).meta({ means: "size" });

/** A name of a line, meter or sink. Names go into commands, file names and tags. */
export const nameSchema = z.string().regex(
  /^[\p{L}\p{N}_][\p{L}\p{N}_. -]{0,62}$/u,
  "a name begins with a letter or digit and has letters, digits, blanks, _ . - (63 at most)",
);

const printable = z.string().regex(/^\P{C}+$/u, "empty, or with characters that cannot be printed");

const timeZone = z.string().refine(isTimeZone, { error: ({ input }) => explainTimeZone(String(input)) })
  .meta({ examples: ["Europe/Berlin"] });

/** Asks `Temporal`, which the schedule needs anyhow: `Intl` would cost megabytes. An offset is no zone. */
function isTimeZone(zone: string): boolean {
  try {
    return /^[A-Za-z]/.test(zone) && Temporal.Now.zonedDateTimeISO(zone) !== undefined;
  } catch {
    return false;
  }
}

function explainTimeZone(zone: string): string {
  const meant = nearest(zone, Intl.supportedValuesOf("timeZone"));
  return `there is no time zone ${JSON.stringify(zone)}, ${
    meant ? `did you mean ${meant}?` : "write one like Europe/Berlin or UTC"
  }`;
}

/** Names that readings, files and databases already use; a label named so would hide or overwrite them. */
export const RESERVED_LABELS: readonly string[] = [
  ...["meter", "obis", "address", "unit", "index", "occurrence", "value", "text", "name", "time", "labels", "flags"],
  ...["measurement", "field", "host", "line"],
];

const label = z.string().regex(
  /^\p{L}[\p{L}\p{N}_-]*$/u,
  "a label's name begins with a letter and has letters, digits, _ and -",
).refine((name) => !RESERVED_LABELS.includes(name.toLowerCase()), "this name is taken: readings have it already");

const register = z.string().regex(
  REGISTER,
  "a register is written as the meter knows it, 1.8.0, with an operand in brackets if need be: ENMPE(04.22)",
);

/** A wire that several meters may share. */
export const lineSchema = z.strictObject({
  url: parsed(parseEndpoint).describe(
    "Where the wire ends: serial:///dev/serial/by-id/…, tcp://host:port of a converter, rfc2217://host:port of one whose speed can be asked for (ser2net), or tcp-listen://0.0.0.0:4059 where DLMS meters call in by themselves. Options stand behind a ?: tcp://192.168.1.20:8000?max_baud=300.",
  ),
});

/** What becomes of intervals that no readout told of. */
export const backfillSchema = z.strictObject({
  profile: z.string().regex(
    /^((\d-\d:)?P\.\d{1,3}|(\d+-\d+:)?\d+\.\d+(\.\d+)?(\*\d+)?)$/,
    "a profile is written as the meter knows it: P.01, or 1-0:99.1.0 in mode E",
  ).optional().meta({ examples: ["P.01"] }).describe(
    "The meter's load profile. Absent: P.01, or 1-0:99.1.0 in mode E (DLMS).",
  ),
  max_age: duration.refine((ms) => ms >= 3_600_000, "less than 1h would leave every gap").prefault("40d").describe(
    "Intervals older than this are not fetched; a meter keeps so much, about.",
  ),
  budget: duration.refine(
    (ms) => ms >= 30_000 && ms <= 3_600_000,
    "it is a part of each hour: at least 30s, for less has no session in it, at most 1h",
  ).prefault("6m").describe(
    "How much of its line's time fetching may take in any hour; what it took for other meters of the line counts.",
  ),
  from: z.enum(["now", "start"]).default("now").describe(
    "Where the first start begins: now; or start, with all that the meter has, up to max_age.",
  ),
  time_zone: timeZone.optional().meta({ examples: ["Etc/GMT-1"] }).describe(
    "What the times of the profile are in where they are not what the meter's clock shows: Etc/GMT-1 where they are standard time all year in Berlin. Absent: the meter's time_zone, or as is usual with its type.",
  ),
});

/** Whether a meter's clock is kept right. */
export const setClockSchema = z.strictObject({
  tolerance: duration.refine((ms) => ms >= 2000, "less than 2s cannot be told: clocks show whole seconds").prefault(
    "5s",
  )
    .describe("A clock that is off by no more is left as it is."),
  max_per_day: duration.refine((ms) => ms >= 2000 && ms <= 3_600_000, "allowed are 2s to 1h").prefault("1m").describe(
    "By so much it is set in any 24 hours at most; one that is farther off is told, and left to a person.",
  ),
});

/** One meter. */
export const meterSchema = z.strictObject({
  name: nameSchema.describe("Its name in readings, logs and commands."),
  line: z.string().describe("The line on which it hangs. Meters on one line take turns."),
  address: z.string().regex(
    /^[A-Za-z0-9 ]{1,32}$/,
    "an address has 1 to 32 digits, letters and blanks (IEC 62056-21, 6.3.1)",
  ).optional().meta({ examples: ["1122334455"] }).describe(
    "Its device address for the sign-on, mostly the serial number, in quotes. Absent: whoever is there answers; not allowed beside a second meter on one line.",
  ),
  mode: z.enum(["auto", "A", "B", "C", "D", "E"]).default("auto").describe(
    "Mode of IEC 62056-21: A, B, C, D (the meter pushes by itself), E (DLMS), or auto: as the meter answers, and E where it offers that and dlms says how to sign on.",
  ),
  every: duration.optional().meta({ examples: ["15m"] }).describe(
    "How often it is read, aligned to the wall clock; must divide a day. Either this or cron; only a meter in mode D, or one that pushes or calls in, may do without: then each telegram counts.",
  ),
  type: z.string().optional()
    .meta({ examples: ["landisgyr-ultraheat"] }).describe(
      "What kind of meter it is, a file of config/meters/ or of meter_types: needed where it wants to be spoken to differently from the first word on (a wake-up), or says nothing of itself that is known. Absent: as it says who it is.",
    ),
  cron: z.string().optional().meta({ examples: ["*/15 * * * *"] }).describe(
    "When it is read, as in crontab(5), with an optional field for seconds in front.",
  ),
  time_zone: timeZone.optional().describe("The time zone of every and cron. Absent: the one above."),
  priority: z.enum(["high", "normal", "low"]).default("normal").describe(
    "Who of the meters of a line is read first where their slots end at the same time, or where the line has no time for all: then the high ones are read, and the others as time is left; each of them after an hour and four slots at the latest.",
  ),
  obis: z.array(printable).min(1, "an empty list would deliver nothing: leave it out to deliver all").optional()
    .meta({ examples: [["1.8.0", "1.8.0*24"]] }).describe(
      "Which values are delivered, exactly as the meter writes them, or as A-B:C.D.E*F; in mode E no others are read. Absent: all.",
    ),
  stop_early: z.boolean().default(false).describe(
    "true: a readout is ended by a break once all of obis is in, which saves minutes at 300 Bd. Its check character then never comes, so that these readings are flagged bcc-unchecked.",
  ),
  registers: z.array(register).min(1, "an empty list would read nothing: leave it out to read all").optional()
    .meta({ examples: [["1.8.0", "2.8.0"]] }).describe(
      "Instead of the whole readout only these, one by one in programming mode (mode C): seconds at 300 Bd where a readout takes a minute. In mode E the same as obis.",
    ),
  password: secret.optional().meta({ examples: [{ credential: "flat-1-password" }] }).describe(
    "What programming mode wants where the meter protects registers, and what obisd set writes with; in mode E what dlms.auth proves. A meter that is not the one of expect is not told it, in mode E where the public client sees which it is: { credential: NAME }, { file: PATH } or { env: NAME }.",
  ),
  dlms: dlmsSchema.optional().describe(
    "For mode E: how to reach the meter and to sign on. Its password is the one above. Absent: the public client, after the sign-on at 300 Bd.",
  ),
  access: z.enum(ACCESSES as [string, ...string[]]).default("auto").describe(
    "How the password is presented: password (P1), bracket (the second bracket of W5), the algorithm of a challenge (P2), or auto: by the maker.",
  ),
  labels: z.record(label, printable).default({}).meta({ examples: [{ site: "north" }] }).describe(
    "Your own words, which go with every reading of this meter.",
  ),
  expect: z.record(printable, printable).optional().meta({ examples: [{ "0.0.0": "12345678" }] }).describe(
    "Values that prove that it is the right meter, for heads get swapped. If another one answers, nothing is delivered.",
  ),
  tries: z.int().min(1).max(3).default(3).describe(
    "How many data messages may be asked for in a slot before it is given up, repeats of damaged ones included: 1 to 3.",
  ),
  backfill: backfillSchema.optional().meta({ examples: [{ profile: "P.01", max_age: "40d" }] }).describe(
    "After a gap (no power, line, host or answer) the intervals of the meter's own load profile that lie in it are fetched (in programming mode of mode C, or in mode E) and delivered with the meter's time, flagged backfilled, each once. profile: P.01, or 1-0:99.1.0 in mode E; max_age: older intervals are not fetched, 40d; budget: of the line's time in any hour, for all of its meters together, 6m, and never while a readout is due; from: now, or start to begin with what the meter has from before; time_zone: of a profile whose times are not those of the meter's clock, Etc/GMT-1 where it is standard time all year in Berlin.",
  ),
  set_clock: setClockSchema.optional().meta({ examples: [{ tolerance: "5s", max_per_day: "1m" }] }).describe(
    "The meter's clock is set to the host's, in programming mode (mode C), with password where the meter wants one, or in mode E: the only thing that the daemon ever writes, and only where this stands. tolerance: a clock that is off by no more is left, 5s; max_per_day: by so much it is set in any 24 hours at most, 1m; farther off, it is told and left to obisd clock --set. Never while the host's clock is not synchronised, near midnight, a quarter hour or a change of the season. Each setting leaves a line that begins with AUDIT in the log.",
  ),
  timestamp: z.enum(["readout", "slot", "meter"]).default("readout").describe(
    "The time of its readings: readout, when they came; slot, when they were due; meter, what its own clock says (0.9.1 and 0.9.2, in P1 1.0.0; in time_zone), or when they came if it is absent or 30 minutes off.",
  ),
});

const maxAge = duration.refine((ms) => ms >= 60_000, "less than 1m would drop readings before a sink has them");

/** What every sink has; the rest are the options of its type. */
export const sinkSchema = z.strictObject({
  type: z.string().describe("stdout, csv, influxdb; or a plug-in: ./my_sink.ts, npm:…"),
  name: nameSchema.optional().describe("Its name in logs, and of its place in the journal. Absent: the type."),
  max_bytes: size.optional().meta({ examples: ["128MiB"] }).describe(
    "What the journal keeps for this sink while it is away, about; the oldest readings are dropped for it alone. Absent: what journal.max_bytes allows.",
  ),
  max_age: maxAge.optional().meta({ examples: ["30d"] }).describe(
    "Age at which readings are dropped for this sink alone; for a database with a retention time a little less than that. Absent: never.",
  ),
});

/** The durable log of readings. */
export const journalSchema = z.strictObject({
  path: filePath.prefault("/var/lib/obisd/journal.db").describe("Where readings are kept until every sink has them."),
  max_bytes: size.refine((bytes) => bytes >= 64 * 1024, "less than 64KiB would hold nothing").prefault("512MiB")
    .describe(
      "Size at which the oldest readings give way: first all but those nearest to the quarter hours, then the oldest.",
    ),
  max_age: maxAge.optional().meta({ examples: ["90d"] }).describe("Age at which readings give way. Absent: never."),
  min_free: size.optional().meta({ examples: ["1GiB"] }).describe(
    "When less is free on its disk, the journal grows no more, as if it had reached max_bytes (16MiB it may have in any case). Absent: 256MiB, or 5 % of the disk if that is more.",
  ),
  group_commit: duration.refine((ms) => ms <= 60_000, "more than 1m would lose too much at a power cut").prefault("10s")
    .describe(
      "Readouts of meters that are read more often than each 10 s go to disk together, after so long at the latest, and to the sinks then: a memory card wears out by single writes. A power cut loses what waits. 0s: each at once.",
    ),
  unsynchronised: z.enum(["hold", "flag"]).default("hold").describe(
    "While the host's clock is not synchronised (a Raspberry Pi after a power cut): hold, readings wait until it is and then get their right time, a day or 10000 readouts at most, and not at all where it never was; flag, they go on at once, flagged clock-unsynchronised.",
  ),
});

/** The whole file. */
export const configSchema = z.strictObject({
  time_zone: timeZone.optional().describe("The time zone in which every and cron are meant. Absent: the host's."),
  runtime_directory: filePath.optional().meta({ examples: ["/run/obisd"] }).describe(
    "Where the running daemon writes status.json and can be asked (obisd status, obisd dead). Absent: systemd's RuntimeDirectory; without systemd nowhere.",
  ),
  meter_types: filePath.optional().meta({ examples: ["meters"] }).describe(
    "Folder of files about types of meters that obisd does not know, or knows differently; config/meters/README.md says how one is written. Absent: the folder meters beside this file, if there is one.",
  ),
  lines: z.record(nameSchema, lineSchema).describe("The wires, by name."),
  meters: z.array(meterSchema).min(1, "no meter: there is nothing to read").describe("The meters."),
  sinks: z.array(sinkSchema).default([]).describe("Where readings go."),
  journal: journalSchema.prefault({}).describe(
    "The durable log of readings, from which sinks that were away catch up.",
  ),
});
