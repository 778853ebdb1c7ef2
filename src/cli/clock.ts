/** `obisd clock`: how far a meter's clock is off, and setting it. @module */
import { ProtocolError, RefusalError, SilenceError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { formatClock, type MeterClock, readClock, setClock, type Zone, zoneOf } from "../iec62056/mod.ts";
import { aheadMs, SET_WITHIN_MS } from "../meter_clock.ts";
import { audit, consent, requireConsent, WRITE_HELP, WRITE_OPTIONS } from "./audit.ts";
import { dlmsClock } from "./clock_dlms.ts";
import type { Command, Context } from "./command.ts";
import { DLMS_HELP, DLMS_OPTIONS } from "./dlms.ts";
import { openDlms } from "./dlms_session.ts";
import { type Format, parseFormat } from "./present.ts";
import { openMeter, parseMeter, type ProgrammableMeter, PROGRAMMING_HELP, PROGRAMMING_OPTIONS } from "./programming.ts";
import { parseWriteCommand } from "./set.ts";
import { timeZoneOf } from "./target.ts";

/** Time and date are written apart: near midnight one of them would be another day's. */
const MIDNIGHT_MS = 120_000;
const DAY_MS = 86_400_000;

/** Reads a meter's clock, and sets it to ours on demand. */
export const clock: Command = {
  summary: "show how far a meter's clock is off, and set it",
  help: `obisd clock ENDPOINT|METER [--set --write] [OPTIONS]

Reads the meter's clock (0.9.1 and 0.9.2, or 0.9.4) in programming mode (mode C), or 0-0:1.0.0 in mode E, and says how
far it is ahead of this machine's, to a second. With --set it is set to this machine's, on the second, and read back;
within two minutes of midnight that waits. Each setting leaves a line that begins with AUDIT in the log.

  --set                sets it
${WRITE_HELP}
  --time-zone ZONE     what the meter's clock shows: Europe/Berlin, or Etc/GMT-1 for one that has no summer time
                       (default: the METER's, else this machine's)
  --command W1…W5      how it is written (default: W5 where the identification says VDEW (\\@), else W1)
  --format FORMAT      table (default), json or csv
${PROGRAMMING_HELP}

  obisd clock /tmp/meter                       # of obisd simulate demo/household.txt --pty /tmp/meter --live &
  obisd clock flat-1 --set --write --yes --password file:/etc/obisd/flat-1.password

${DLMS_HELP}`,
  options: {
    ...PROGRAMMING_OPTIONS,
    ...DLMS_OPTIONS,
    ...WRITE_OPTIONS,
    set: { type: "boolean" },
    "time-zone": { type: "string" },
    command: { type: "string" },
    format: { type: "string" },
  },

  async run(args, context) {
    const { values, positionals: [what, ...more] } = args;
    if (more.length > 0) throw new UsageError("clock takes one ENDPOINT or METER");
    if (values.set === true) requireConsent(args, "clock --set");
    const format = parseFormat(values.format);
    const target = await parseMeter(what, args);
    const timeZone = timeZoneOf(values["time-zone"], target.timeZone);
    const zone = zoneOf(timeZone);
    const { log } = context;
    const { look, set, waitsForMidnight } = target.mode === "E"
      ? dlmsClock(await openDlms(target, args, context), target.name ?? what!)
      : programmedClock(await openMeter(target, args, context), parseWriteCommand(values.command));
    const { line, clock: old } = await look();
    show({ line, clock: old, timeZone, format }, context);
    if (values.set !== true) return EXIT.ok;
    await consent(args, "Set it?", context);
    if (waitsForMidnight) await untilAfterMidnight(zone, context);
    const deed = { meter: line, command: "clock --set", old: formatClock(old) };
    try {
      const written = await set(zone);
      Object.assign(deed, {
        wanted: Object.entries(written).map(([address, text]) => `${address}(${text})`).join(" "),
      });
    } catch (error) {
      audit(log, deed, error instanceof SilenceError ? "not known" : (error as Error).message);
      throw error;
    }
    const { clock: now } = await look();
    const isSet = Math.abs(aheadOf(now, timeZone)) <= SET_WITHIN_MS;
    audit(log, { ...deed, now: formatClock(now) }, isSet ? "written" : "it shows another time");
    show({ line, clock: now, timeZone, format }, context);
    if (!isSet) throw new RefusalError(`${line} acknowledged the time, but its clock shows another`);
    return EXIT.ok;
  },
};

/** A meter's clock, however it is reached. */
export interface ClockAccess {
  /** What the clock shows, and the line by which the meter is known. */
  look(): Promise<{ readonly line: string; readonly clock: MeterClock }>;
  /** Sets it to ours; brings home what was written. */
  set(zone: Zone): Promise<Readonly<Record<string, string>>>;
  /** Whether it must not be set near midnight. */
  readonly waitsForMidnight: boolean;
}

function programmedClock({ session }: ProgrammableMeter, command: string | undefined): ClockAccess {
  return {
    waitsForMidnight: true,
    look: () =>
      session(function* (its) {
        return { line: its.identification.line, clock: yield* readClock(its) };
      }, 2),
    set: (zone) => session((its) => setClock(its, { zone, ...command !== undefined && { command } })),
  };
}

interface Shown {
  readonly line: string;
  readonly clock: MeterClock;
  readonly timeZone: string;
  readonly format: Format;
}

function show({ line, clock, timeZone, format }: Shown, { print }: Context): void {
  const zone = zoneOf(timeZone);
  const aheadMillis = aheadOf(clock, timeZone);
  const ahead = Math.round(aheadMillis / 1000);
  const local = (ms: number) => new Date(ms).toISOString().slice(0, 19);
  const shown = local(clock.atMs + aheadMillis + zone.offsetMs(clock.atMs + aheadMillis));
  const host = local(clock.atMs + zone.offsetMs(clock.atMs));
  const time = new Date(clock.atMs).toISOString();
  if (format === "json") return print(JSON.stringify({ meter: line, time, clock: shown, host, ahead_seconds: ahead }));
  if (format === "csv") {
    return print(
      `meter,time,clock,host,ahead_seconds\r\n"${line.replaceAll('"', '""')}",${time},${shown},${host},${ahead}\r`,
    );
  }
  const how = ahead === 0 ? "the same" : `${Math.abs(ahead)} s ${ahead > 0 ? "ahead" : "behind"}`;
  print(
    `meter  ${shown.replace("T", " ")}  ${formatClock(clock)}\nhost   ${host.replace("T", " ")}  the meter is ${how}`,
  );
}

/** How far the clock was ahead of ours when it said this, ms. @throws {ProtocolError} nobody knows this form */
function aheadOf(clock: MeterClock, timeZone: string): number {
  const ms = aheadMs(clock, timeZone);
  if (ms !== undefined) return ms;
  throw new ProtocolError(
    "unreadable",
    `Cannot read the meter's clock: ${formatClock(clock)} is no time and date that is known`,
  );
}

async function untilAfterMidnight(zone: Zone, { clock, log, signal }: Context): Promise<void> {
  const now = clock.now();
  const intoDay = (now + zone.offsetMs(now)) % DAY_MS;
  const waitMs = intoDay < MIDNIGHT_MS
    ? MIDNIGHT_MS - intoDay
    : DAY_MS - intoDay < MIDNIGHT_MS
    ? DAY_MS - intoDay + MIDNIGHT_MS
    : 0;
  if (waitMs === 0) return;
  log.info("It is about midnight, when time and date cannot be written one after the other: waiting until 00:02");
  await clock.sleep(waitMs, signal);
}
