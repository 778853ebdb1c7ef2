/** What no single option can know: whether the options fit each other. @module */
import { Cron } from "croner";
import { PUSH } from "../dlms_settings.ts";
import { explainType, type MeterType } from "../meters/mod.ts";
import { nearest } from "../nearest.ts";
import type { SinkPlugin } from "../sink.ts";
import { type Endpoint, formatEndpoint } from "../transport/endpoint.ts";
import { formatDuration } from "../units.ts";
import { checkCalls, checkPushes } from "./call_rules.ts";
import type { DraftDlms } from "./dlms.ts";
import { checkDlms } from "./dlms_rules.ts";
import type { Path } from "./document.ts";
import type { Readable } from "./fields.ts";
import type { Report } from "./report.ts";
import type { backfillSchema, meterSchema, setClockSchema } from "./schema.ts";

/** What could be read of a configuration; what is wrong is absent and has been reported. */
export interface Draft {
  readonly lines: readonly DraftLine[];
  readonly meters: readonly DraftMeter[];
  readonly sinks: readonly DraftSink[];
  /** All types of meters; absent: some could not be read. */
  readonly types?: readonly MeterType[];
}

/** A line as far as it could be read. */
export interface DraftLine {
  readonly path: Path;
  readonly name: string;
  readonly endpoint: Endpoint | undefined;
}

/** A meter as far as it could be read. `given`: the options that stand there, right or wrong. */
export type DraftMeter = Omit<Readable<typeof meterSchema.shape>, "dlms" | "backfill" | "set_clock"> & {
  readonly backfill?: Readable<typeof backfillSchema.shape> | undefined;
  readonly set_clock?: Readable<typeof setClockSchema.shape> | undefined;
  readonly path: Path;
  readonly given: readonly string[];
  readonly dlms?: DraftDlms | undefined;
  /** The options that stand in its `dlms:`. */
  readonly givenDlms: readonly string[];
};

/** A sink as far as it could be read. */
export interface DraftSink {
  readonly path: Path;
  readonly name: string | undefined;
  readonly type: string;
  readonly bounds: { readonly maxBytes?: number; readonly maxAgeMs?: number };
  readonly plugin: SinkPlugin | undefined;
  /** `undefined` when they are wrong. */
  readonly options: unknown;
}

/** Reports all that does not fit together. */
export function checkRules(draft: Draft, report: Report): void {
  checkNames(draft, report);
  checkLines(draft, report);
  checkFiles(draft, report);
  for (const meter of draft.meters) {
    checkType(meter, draft, report);
    checkSchedule(meter, isPushing(meter, draft), report);
    checkPush(meter, report);
    checkRegisters(meter, report);
    checkPassword(meter, report);
    const endpoint = endpointOf(meter, draft);
    const others = draft.meters.filter(({ line }) => line === meter.line);
    if (endpoint?.kind === "tcp-listen") checkCalls(meter, others, report);
    else if (pushes(meter)) checkPushes(meter, report);
    else checkDlms(meter, endpoint, report);
    checkBackfill(meter, report);
  }
  if (draft.sinks.length === 0) report.warn([], "no sinks: readings are kept in the journal and go nowhere");
}

function checkType({ path, type }: DraftMeter, { types }: Draft, report: Report): void {
  if (type === undefined || !types || types.some(({ id }) => id === type)) return;
  report.fault([...path, "type"], explainType(type, types));
}

function endpointOf({ line }: DraftMeter, { lines }: Draft): Endpoint | undefined {
  return lines.find(({ name }) => name === line)?.endpoint;
}

/** Whether the meter speaks by itself: then it needs no schedule. */
function isPushing(meter: DraftMeter, draft: Draft): boolean {
  return meter.mode === "D" || pushes(meter) || endpointOf(meter, draft)?.kind === "tcp-listen";
}

function pushes({ dlms }: DraftMeter): boolean {
  return dlms?.opening === PUSH;
}

function checkNames({ meters, sinks }: Draft, report: Report): void {
  for (const [list, what] of [[meters, "meter"], [sinks, "sink"]] as const) {
    for (const [at, { path, name }] of list.entries()) {
      if (name === undefined || list.findIndex((other) => other.name === name) === at) continue;
      const remedy = what === "sink" ? "; give one of them a name: of its own" : "";
      report.fault([...path, "name"], `a second ${what} is called ${JSON.stringify(name)}${remedy}`);
    }
  }
}

function checkLines({ lines, meters }: Draft, report: Report): void {
  const names = lines.map((line) => line.name);
  for (const { path, line } of meters) {
    if (line === undefined || names.includes(line)) continue;
    const meant = nearest(line, names);
    const hint = meant
      ? `did you mean ${meant}?`
      : names.length > 0
      ? `lines has ${names.join(", ")}`
      : "lines is empty";
    report.fault([...path, "line"], `there is no line ${JSON.stringify(line)}, ${hint}`);
  }
  for (const line of lines) checkSharing(line, meters.filter((meter) => meter.line === line.name), report);
  checkPorts(lines, report);
}

/** Only the meter that is addressed may answer where several could (IEC 62056-21, 6.3.1). */
function checkSharing({ path, name, endpoint }: DraftLine, meters: readonly DraftMeter[], report: Report): void {
  if (meters.length === 0) report.warn(path, "no meter hangs on this line", "key");
  if (meters.length < 2 || endpoint?.kind === "tcp-listen") return;
  for (const meter of meters) {
    if (meter.mode === "D" || pushes(meter)) {
      const [option, what] = meter.mode === "D" ? [["mode"], "in mode D"] : [["dlms", "opening"], "that pushes"];
      report.fault(
        [...meter.path, ...option],
        `a meter ${what} talks whenever it likes: it needs line ${name} for itself`,
      );
    } else if (meter.dlms?.opening !== "wrapper") {
      const option = meter.dlms?.opening === "hdlc" ? "physical" : "address";
      const given = option === "physical" ? meter.givenDlms : meter.given;
      if (given.includes(option)) continue;
      report.fault(
        meter.path,
        `${
          option === "physical" ? "dlms.physical" : option
        } is missing: line ${name} has ${meters.length} meters, and without it all would answer at once`,
      );
    }
  }
}

function checkPorts(lines: readonly DraftLine[], report: Report): void {
  const places = Map.groupBy(lines.filter(({ endpoint }) => endpoint), ({ endpoint }) => formatEndpoint(endpoint!));
  for (const [first, ...others] of places.values()) {
    const [second] = others;
    if (!first || !second) continue;
    const remedy = "the same place: meters that share a wire hang on one line";
    if (first.endpoint!.kind === "serial") {
      for (const { path } of others) report.fault([...path, "url"], `line ${first.name} has ${remedy}`);
    } else { // once, for a thousand may go through one gateway
      const more = others.length > 1 ? ` and ${others.length - 1} more have` : " has";
      report.warn([...second.path, "url"], `line ${first.name}${more} ${remedy}`);
    }
  }
}

/** Two sinks that write the same files would take each other's lines for damage. */
function checkFiles({ sinks }: Draft, report: Report): void {
  const placeOf = ({ type, options }: DraftSink) => JSON.stringify([type, options]);
  const writers = sinks.filter(({ plugin, options }) =>
    options !== undefined && plugin?.needs?.(options).write?.length
  );
  for (const [at, sink] of writers.entries()) {
    const first = writers.find((other) => placeOf(other) === placeOf(sink))!;
    if (first === writers[at] || first.name === sink.name) continue; // the same name is a fault already
    report.fault(sink.path, `sink ${first.name} writes the same files: give one of them another path, or leave it out`);
  }
}

function checkSchedule(meter: DraftMeter, isPushing: boolean, report: Report): void {
  const { path, given, every, cron, mode } = meter;
  if (given.includes("every") && given.includes("cron")) {
    report.fault([...path, "cron"], "every stands there too: one of them says when the meter is read", "key");
  } else if (!given.includes("every") && !given.includes("cron") && mode !== undefined && !isPushing) {
    report.fault(path, "every or cron is missing: when is it read? (only a meter in mode D may do without)");
  }
  if (meter.timestamp === "slot" && isPushing && !given.includes("every") && !given.includes("cron")) {
    report.fault([...path, "timestamp"], "slot needs every or cron: without them each telegram counts", "key");
  }
  if (every !== undefined) checkEvery([...path, "every"], every, report);
  if (cron !== undefined) checkCron([...path, "cron"], cron, meter.time_zone, report);
}

const DAY_MS = 86_400_000;
/** To read a clock, set it and read it again takes 25 s at 300 Bd, beside the readout. */
const SET_CLOCK_MS = 60_000;

/** Slots stand at the same wall-clock times each day, so the interval must divide a day. */
function checkEvery(path: Path, everyMs: number, report: Report): void {
  if (everyMs >= 1000 && everyMs % 1000 === 0 && DAY_MS % everyMs === 0) return;
  const stepMs = everyMs < 60_000 ? 1000 : 60_000; // 6m or 8m is what somebody wants who wrote 7m, not 7m12s
  const slots = Array.from({ length: DAY_MS / stepMs }, (_, at) => (at + 1) * stepMs).filter((ms) => DAY_MS % ms === 0);
  const near = [slots.findLast((ms) => ms < everyMs), slots.find((ms) => ms > everyMs)]
    .filter((ms) => ms !== undefined).map(formatDuration);
  const hint = everyMs > DAY_MS ? "take 1d, or cron for less" : `take ${near.join(" or ")}`;
  report.fault(path, `${formatDuration(everyMs)} does not divide a day into equal slots: ${hint}`);
}

function checkCron(path: Path, pattern: string, timeZone: string | undefined, report: Report): void {
  try {
    const cron = new Cron(pattern, { paused: true, timezone: timeZone ?? "UTC" });
    if (cron.nextRun() === null) report.fault(path, `${JSON.stringify(pattern)} never comes`);
  } catch (error) {
    report.fault(path, `found ${JSON.stringify(pattern)}: ${(error as Error).message.replace(/^CronPattern: /, "")}`);
  }
}

function checkPush({ path, mode, given }: DraftMeter, report: Report): void {
  if (mode !== "D" || !given.includes("address")) return;
  report.fault(
    [...path, "address"],
    "a meter in mode D is never asked, so it needs no address; expect checks which one talks",
    "key",
  );
}

/** A password is told to whoever answers, unless something says which meter that must be. */
function checkPassword({ path, given }: DraftMeter, report: Report): void {
  if (!given.includes("password") || given.includes("expect")) return;
  const why = given.includes("address") ? "whoever answers to this address" : "whoever answers";
  report.warn([...path, "password"], `${why} is told it: expect says which meter it must be, heads get swapped`, "key");
}

/** What is read one by one leaves nothing to choose from, and a readout ends early only where it is known what is wanted. */
function checkRegisters({ path, mode, given, registers, timestamp }: DraftMeter, report: Report): void {
  const fault = (option: string, message: string) => report.fault([...path, option], message, "key");
  const inModeC = mode === "auto" || mode === "C";
  if (given.includes("registers")) {
    if (!inModeC && mode !== "E") fault("registers", `programming mode is entered in mode C, not in mode ${mode}`);
    const clock = mode === "E" ? /^0-0:1\.0\.0/ : /0\.9\.[14]/;
    if (timestamp === "meter" && !registers?.some((address) => clock.test(address))) {
      const which = mode === "E" ? "0-0:1.0.0" : "0.9.2 and 0.9.1, or 0.9.4";
      fault("timestamp", `meter needs the meter's clock among registers: ${which}`);
    }
    if (given.includes("obis")) fault("obis", "registers says already what is read, and all of it is delivered");
    if (given.includes("stop_early")) fault("stop_early", "it ends a readout, and registers reads none");
  } else if (given.includes("stop_early")) {
    if (mode === "D") fault("stop_early", "a meter in mode D speaks by itself: nobody can end it");
    if (!given.includes("obis")) fault("stop_early", "without obis all is wanted, and a readout ends with its end");
  }
}

/** Profiles are asked for and clocks set in programming mode; profiles in mode E too, where it is sure that it is that. */
function checkBackfill({ path, mode, given, every, backfill, dlms }: DraftMeter, report: Report): void {
  const fault = (option: string, message: string) => report.fault([...path, option], message, "key");
  if (mode === undefined) return;
  const why = mode === "D"
    ? "a meter in mode D speaks by itself and cannot be asked"
    : dlms?.opening === PUSH
    ? "a meter that pushes speaks by itself and is not asked"
    : mode === "auto" && given.includes("dlms")
    ? "say mode: C or mode: E, for they are asked in different ways"
    : mode === "A" || mode === "B"
    ? `programming mode is entered in mode C, not in mode ${mode}`
    : undefined;
  for (const option of ["backfill", "set_clock"]) if (why && given.includes(option)) fault(option, why);
  if (why) return;
  const isObis = backfill?.profile !== undefined && !backfill.profile.includes("P.");
  if (backfill?.profile !== undefined && isObis !== (mode === "E")) {
    const form = mode === "E"
      ? "in mode E a profile has a code: 1-0:99.1.0"
      : "a code is of mode E; here it is P.01 or the like";
    report.fault([...path, "backfill", "profile"], form);
  }
  if (!given.includes("set_clock")) return;
  if (every !== undefined && every < SET_CLOCK_MS) {
    fault("set_clock", `a clock is set between two readouts, which wants ${formatDuration(SET_CLOCK_MS)} at least`);
  }
}
