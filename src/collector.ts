/**
 * The whole line on one page: due → session → telegram → readings → journal. (From the journal each sink has its own loop:
 * `delivery.ts`.) Each line is served by one loop, so that its meters take turns and none is ever asked twice at once.
 * What is said about it stands in `collector_report.ts`, whose turn it is in `turns.ts`.
 * @module
 */
import { withLimit } from "./abort.ts";
import { asItWrites, asking, type AskingOptions, isWanted, notInModeE } from "./asking.ts";
import { Backfill, type BackfillContext } from "./backfill.ts";
import { ClockKeeper } from "./clock_keeper.ts";
import { type Clock, steadyClock, systemClock, timeOf } from "./clock.ts";
import type { CollectorReport } from "./collector_report.ts";
import type { LineConfig, MeterConfig } from "./config.ts";
import { Inbox } from "./dialogue.ts";
import { meterTypeNamed } from "./meters/mod.ts";
import { isOfMeterOrWire, LineError, ProtocolError, SilenceError } from "./errors.ts";
import { listen } from "./iec62056/mod.ts";
import type { InvocationCounters } from "./invocation_counters.ts";
import type { Journal } from "./journal.ts";
import type { Moments } from "./moments.ts";
import { missingCodes, normalise, verifyIdentity } from "./normalise.ts";
import type { Progress } from "./progress.ts";
import { isRapid } from "./schedule.ts";
import { converse } from "./session.ts";
import { stampOf } from "./stamp.ts";
import type { Telegram } from "./telegram.ts";
import { pushLine } from "./transport/endpoint.ts";
import { type MeterTurn, Standing } from "./standing.ts";
import { bringUp, loseToLine, nextTurn, type Outcome, type Present, settle, triesUntil, turnTime } from "./turns.ts";
import { Wire, type WireOptions } from "./wire.ts";

/** No session lasts longer, whatever the meter does: at 300 Bd this is time for 27 kB. */
const SESSION_LIMIT_MS = 15 * 60_000;
/** The clock is looked at this often at least, for somebody may set it. */
const NAP_MS = 30_000;
/**
 * A loop that has not moved for so long stands still, and the watchdog ends the service: more than any step of a session
 * takes, or the journal, or a rest.
 */
const STANDSTILL_MS = 60_000;
/** A pushing meter is heard again after this, whatever went wrong. */
const HEAR_AGAIN_MS = 500;
/** While a telegram is on its way at the end of a slot, the slot is looked at again after this. */
const LOOK_AGAIN_MS = 250;

/** What the loops of all lines share. */
export interface CollectorContext extends Pick<WireOptions, "open"> {
  readonly journal: Pick<Journal, "append">;
  /** The journal as back-filling needs it; absent: gaps stay. */
  readonly notes?: BackfillContext["journal"];
  /** Readouts of meters that are read in rapid succession may wait so long for others to share a commit. Default: not. */
  readonly groupCommitMs?: number;
  readonly report: CollectorReport;
  readonly moments: Moments;
  readonly progress: Progress;
  /** From where each ciphered message of DLMS meters has its number, and what was heard from those that call in. */
  readonly counters?: InvocationCounters;
  /** Where the meters stand, when their lines may be started anew; and since when these are wanted, ms since 1970. */
  readonly standing?: { readonly of: Standing; readonly sinceMs: number };
  /** Ends a session at once, the meter signed off. */
  readonly stop: AbortSignal;
  /** Ends the loop between two sessions. */
  readonly retire: AbortSignal;
  readonly clock?: Clock;
  /** Of the line that is served. */
  readonly backfill?: Backfill | undefined;
}

/** What came of asking or hearing a meter once: delivered, or why not. */
type Attempt =
  | { readonly outcome: "read" }
  | { readonly outcome: Exclude<Outcome, "read">; readonly reason: string; readonly loud?: boolean };

/** Serves one line until stopped: whatever one meter or its wire does, it goes on. */
export async function serveLine(
  line: LineConfig,
  meters: readonly MeterConfig[],
  context: CollectorContext,
): Promise<void> {
  const { report, progress, stop, retire, open, clock = systemClock } = context;
  await using wire = new Wire(line.endpoint, { clock, ...report.onLine(line.name), ...open && { open } });
  report.lines.set(line.name, wire);
  const [first] = meters;
  try {
    if (line.endpoint.kind === "tcp-listen") await hearCallers(line, meters, context);
    else if (first?.mode === "D") await hearMeter(wire, first, context);
    else if (first) await askMeters(wire, line, meters, context);
  } catch (error) {
    if (!stop.aborted && !retire.aborted) throw error;
  } finally {
    progress.done(line.name);
  }
}

/** Modes A, B, C and E: the meters are asked in turn, each when it is due; while none is, their gaps are filled. */
async function askMeters(
  wire: Wire,
  line: LineConfig,
  meters: readonly MeterConfig[],
  its: CollectorContext,
): Promise<void> {
  const { clock = systemClock, report, retire, notes: journal } = its;
  const onStep = () => moves(line.name, its);
  const dlms = meters.some(({ dlms }) => dlms) ? await import("./asking_dlms.ts") : undefined;
  const backfill = journal && await Backfill.of(meters, {
    ...{ journal, clock, report: report.backfill, signal: retire, onStep },
    ...dlms && its.counters && { dlms: { askDlmsProfile: dlms.askDlmsProfile, counters: its.counters } },
  });
  const keeper = journal &&
    ClockKeeper.of(meters, { journal, clock, log: report.log, drifts: report.drifts, signal: retire });
  const context = { ...its, backfill };
  const turns = meters.map((meter) => waitingTurn(meter, context));
  const shared = turns.length > 1;
  const { quiet_time } = line.endpoint.options;
  const modeE = dlms?.askDlms;
  while (!retire.aborted) {
    for (const turn of turns) bringUpOn(wire, turn, context);
    const turn = nextTurn(turns, clock.now());
    const waitMs = turn.due - clock.now();
    const awayMs = waitMs > 0 ? 0 : wire.waitMs(turn.slot);
    moves(line.name, context);
    if (waitMs > 0) {
      moves(line.name, context, line.endpoint.options.connect_timeout);
      const roomMs = Math.min(waitMs, SESSION_LIMIT_MS) - quiet_time;
      let isUsed = await backfill?.step(wire, roomMs);
      if (!isUsed && keeper) {
        moves(line.name, context, SESSION_LIMIT_MS); // who sets a clock may wait for a whole minute
        isUsed = await keeper.step(wire, roomMs);
      }
      if (isUsed) {
        moves(line.name, context, quiet_time);
        await clock.sleep(quiet_time, retire);
        continue;
      }
      moves(line.name, context);
      await wire.rest(Math.min(waitMs, NAP_MS), retire);
      continue;
    }
    if (awayMs > 0) { // the slot waits for the line, and not beyond its end
      await clock.sleep(Math.min(awayMs, turn.slots(turn.slot) - clock.now(), NAP_MS), retire);
      continue;
    }
    turn.askedMs = clock.now();
    const attempt = await askMeter(wire, turn, { ...context, ...modeE && { modeE } });
    settleTurn(turn, attempt, shared, context);
    if (!shared) continue;
    moves(line.name, context, quiet_time);
    await clock.sleep(quiet_time, retire);
  }
}

/** Says that a line's loop moves, and will again soon after the longest that it may wait for now. */
function moves(line: string, { progress }: CollectorContext, longestMs = 0): void {
  progress.promise(line, longestMs + STANDSTILL_MS);
}

/** Brings a turn to its present slot, and tells which ended without it. */
function bringUpOn(wire: Wire, turn: MeterTurn, { clock = systemClock, report }: CollectorContext): void {
  const { slot, meter: { name } } = turn;
  const missed = bringUp(turn, presentOf(clock));
  const reason = wire.awayFor;
  if (reason === undefined || missed === 0) {
    return report.missed(name, missed, { slot: turn.slot, why: "its line was busy" });
  }
  loseToLine(turn, missed);
  report.lost(name, { reason, slot, next: turn.slot, count: missed, inARow: turn.lostInARow, loud: false });
}

/** One attempt at one meter. Its trouble ends here. */
async function askMeter(
  wire: Wire,
  { meter, slot, slots, tries }: MeterTurn,
  context: CollectorContext & Pick<AskingOptions, "modeE">,
): Promise<Attempt> {
  const { clock = systemClock, report, stop, modeE, counters } = context;
  const inSlot = triesUntil(slots(slot) - clock.now(), tries, clock);
  try {
    const telegram = await withLimit(stop, { withinMs: SESSION_LIMIT_MS, what: "The session" }, async (signal) => {
      const onRefused = (reason: string) => report.refused(meter.name, reason);
      const dialogue = asking(meter, {
        endpoint: wire.endpoint,
        tries: inSlot,
        onRefused,
        ...modeE && { modeE },
        ...counters && { counters },
      });
      moves(meter.line, context, wire.endpoint.options.connect_timeout);
      const its = { signal, clock: steadyClock(clock), trace: () => moves(meter.line, context) };
      return await converse(await wire.open(signal), dialogue, its);
    });
    wire.proved();
    return await keep(telegram, meter, context, slot);
  } catch (error) {
    if (stop.aborted) throw stop.reason;
    return await explain(error, wire, meter, context);
  }
}

/** Mode D: the meter speaks when it likes; of what it says, the first whole telegram of each slot is kept, or every one. */
async function hearMeter(wire: Wire, meter: MeterConfig, context: CollectorContext): Promise<void> {
  const inbox = new Inbox();
  const turn = meter.schedule && waitingTurn(meter, context);
  await Promise.all([hearTelegrams(wire, meter, inbox, turn, context), turn && countSilence(turn, inbox, context)]);
}

async function hearTelegrams(
  wire: Wire,
  meter: MeterConfig,
  inbox: Inbox,
  turn: MeterTurn | undefined,
  context: CollectorContext,
): Promise<void> {
  const { clock = systemClock, report, retire } = context;
  const steady = steadyClock(clock);
  let inVain = 0;
  while (!retire.aborted) {
    moves(meter.line, context, wire.endpoint.options.connect_timeout);
    try {
      const dialogue = listen(inbox, { line: pushLine(wire.endpoint, meterTypeNamed(meter.type)?.push) });
      const its = { signal: retire, clock: steady, trace: () => moves(meter.line, context) };
      const telegram = await converse(await wire.open(retire), dialogue, its);
      report.readAgain(meter.name, inVain);
      inVain = 0;
      wire.proved();
      await takeTelegram(telegram, meter, turn, context);
    } catch (error) {
      if (retire.aborted) return;
      const attempt = await explain(error, wire, meter, context);
      if (attempt.outcome !== "read") report.unheard(meter.name, attempt.reason, ++inVain);
      if (error instanceof SilenceError) continue; // it may speak seldom
      inbox.clear();
      await clock.sleep(Math.max(wire.waitMs(), HEAR_AGAIN_MS), retire);
    }
  }
}

/** DLMS meters that call in: of what each says, the first of each slot is kept, or everything. */
async function hearCallers(line: LineConfig, meters: readonly MeterConfig[], context: CollectorContext): Promise<void> {
  const { clock = systemClock, report, retire, counters } = context;
  const heard = counters!.heard((reason) => report.notice(line.name, reason));
  const { hearCalls } = await import("./calls.ts");
  const turns = new Map(meters.map((meter) => [meter, meter.schedule && waitingTurn(meter, context)]));
  const watched = (async () => {
    for (;; await clock.sleep(NAP_MS, retire)) moves(line.name, context, NAP_MS);
  })();
  const counted = [...turns.values()].map((turn) => turn && countSilence(turn, new Inbox(), context));
  const hear = async () => {
    for (let inVain = 1; true; inVain++) {
      try {
        return await hearCalls(line.endpoint, meters, {
          ...{ signal: retire, clock: steadyClock(clock), heard },
          onTelegram: (meter, telegram) => takeTelegram(telegram, meter, turns.get(meter), context),
          onRefused: (reason, meter) => meter ? report.unheard(meter.name, reason) : report.notice(line.name, reason),
          onNotice: (text) => report.notice(line.name, text),
        });
      } catch (error) {
        if (!(error instanceof LineError)) throw error;
        for (const { name } of meters) report.unheard(name, error.message, inVain);
        await clock.sleep(NAP_MS, retire);
      }
    }
  };
  await Promise.all([watched, hear(), ...counted]).finally(() => heard.keep());
}

/** A telegram that came by itself: kept when it is whole and the slot still lacks one. */
async function takeTelegram(
  telegram: Telegram,
  meter: MeterConfig,
  turn: MeterTurn | undefined,
  context: CollectorContext,
): Promise<void> {
  const { clock = systemClock, report } = context;
  if (telegram.check.result === "wrong" || !telegram.block.complete) return report.dropped(meter.name, telegram);
  if (turn) missSilentSlots(turn, context, telegram.atMs);
  if (turn && timeOf(telegram.atMs, clock) < turn.slot) return;
  const attempt = await keep(telegram, meter, context, turn?.slot);
  if (turn) settleTurn(turn, attempt, false, context);
  else if (attempt.outcome !== "read") report.unheard(meter.name, attempt.reason);
}

/** Slots that end without a telegram are told when they end, unless one is on its way then. */
async function countSilence(turn: MeterTurn, inbox: Inbox, context: CollectorContext): Promise<void> {
  const { clock = systemClock, retire } = context;
  while (true) {
    const leftMs = turn.slots(turn.slot) - clock.now();
    await clock.sleep(Math.min(Math.max(leftMs, LOOK_AGAIN_MS), NAP_MS), retire);
    if (inbox.bytes.length === 0) missSilentSlots(turn, context);
  }
}

function missSilentSlots(turn: MeterTurn, { clock = systemClock, report }: CollectorContext, atMs?: number): void {
  const missed = bringUp(turn, presentOf(clock, atMs));
  report.missed(turn.meter.name, missed, { slot: turn.slot, why: "no whole telegram came in it" });
}

/** Telegram → readings → journal. A meter that is not the one it should be delivers nothing. */
async function keep(
  telegram: Telegram,
  configured: MeterConfig,
  { journal, groupCommitMs = 0, report, moments, clock = systemClock, backfill }: CollectorContext,
  slot?: number,
): Promise<Attempt> {
  const meter = asItWrites(configured, telegram);
  const { name, labels, obis, expect } = meter;
  const stranger = expect && verifyIdentity(telegram, expect);
  if (stranger) {
    return { outcome: "final", reason: `another meter answers, nothing is delivered: ${stranger}`, loud: true };
  }
  report.damagedLines(name, telegram);
  report.notInModeE(name, notInModeE(meter, telegram));
  const { atMs, flags, moment, ...its } = stampOf(telegram, meter, {
    clock,
    moments,
    ...slot !== undefined && { slot },
  });
  report.clockOf(name, its);
  const all = normalise({ ...telegram, atMs }, { meter: name, labels, flags, ...obis && { obis } });
  const readings = all.filter((reading) => isWanted(meter, reading));
  const missing = obis ? missingCodes(readings, obis) : [];
  if (missing.length > 0) report.missing(name, missing);
  const note = await backfill?.noteAfter(configured, slot);
  const stored = journal.append(readings, moment, isRapid(meter.schedule) ? groupCommitMs : 0, note)
    .then(() => report.kept(name, readings.length));
  try {
    if (!isRapid(meter.schedule)) await stored;
    else stored.catch((error) => report.unheard(name, lossOf(error))); // the next telegram is on its way
  } catch (error) {
    return { outcome: "final", reason: lossOf(error), loud: true };
  }
  return { outcome: "read" };
}

function lossOf(error: unknown): string {
  return `its readout is lost: ${(error as Error).message}`;
}

/** What an error means for the meter's slot, once the wire is as it must be after it. */
async function explain(error: unknown, wire: Wire, meter: MeterConfig, context: CollectorContext): Promise<Attempt> {
  await wire.afterTrouble(error);
  if (!isOfMeterOrWire(error)) context.report.unforeseen(meter.name, error);
  return { outcome: outcomeOf(error), reason: error instanceof Error ? error.message : String(error) };
}

function outcomeOf(error: unknown): Exclude<Outcome, "read"> {
  if (error instanceof LineError) return "away";
  const again = error instanceof SilenceError || error instanceof ProtocolError && error.trouble === "unreadable";
  return again ? "unanswered" : "final";
}

function waitingTurn(meter: MeterConfig, { standing, clock = systemClock }: CollectorContext): MeterTurn {
  const { of, sinceMs } = standing ?? { of: new Standing(), sinceMs: clock.now() };
  return of.take(meter, sinceMs);
}

/** What time it is, or was when a {@link steadyClock} showed `steadyMs`. */
function presentOf(clock: Clock, steadyMs = clock.monotonic()): Present {
  return { nowMs: timeOf(steadyMs, clock), steadyMs, trusted: clock.trust !== "unknown" };
}

/** Leads the meter to its next attempt or its next slot. */
function settleTurn(turn: MeterTurn, attempt: Attempt, shared: boolean, context: CollectorContext): void {
  const { clock = systemClock, report } = context;
  const { slot, lostInARow, meter: { name }, slots } = turn;
  const over = settle(turn, attempt.outcome, turnTime(turn, presentOf(clock)), shared);
  if (attempt.outcome === "read") return report.readAgain(name, lostInARow);
  const { reason, loud = false } = attempt;
  if (!over && attempt.outcome === "away") {
    if (turn.toldSlot !== slot) report.askedAgain(name, reason, { inARow: lostInARow + 1 });
    turn.toldSlot = slot;
    return;
  }
  if (!over) return report.askedAgain(name, reason, turn);
  let count = 1;
  for (let left = slots(slot); left < turn.slot; left = slots(left)) count++;
  report.lost(name, { reason, slot, next: turn.slot, count, inARow: turn.lostInARow, loud });
}
