/**
 * The whole line on one page: due → session → telegram → readings → journal. (From the journal each sink has its own loop:
 * `delivery.ts`.) Each line is served by one loop, so that its meters take turns and none is ever asked twice at once.
 * How a telegram is kept stands in `attempt.ts`, how meters are heard that speak by themselves in `hearing.ts`, what is
 * said about it in `collector_report.ts`, whose turn it is in `turns.ts`.
 * @module
 */
import { limited } from "./abort.ts";
import { asking, type AskingOptions } from "./asking.ts";
import {
  type Attempt,
  type CollectorContext,
  explain,
  keep,
  moves,
  NAP_MS,
  presentOf,
  settleTurn,
  slotOf,
  waitingTurn,
} from "./attempt.ts";
import { Backfill } from "./backfill.ts";
import { steadyClock, systemClock } from "./clock.ts";
import { ClockKeeper } from "./clock_keeper.ts";
import type { LineConfig, MeterConfig } from "./config.ts";
import { hearCallers, hearMeter } from "./hearing.ts";
import { PUSH } from "./dlms_settings.ts";
import { converse } from "./session.ts";
import type { MeterTurn } from "./standing.ts";
import type { Telegram } from "./telegram.ts";
import { ask, bringUp, loseToLine, nextTurn, passOver, triesUntil } from "./turns.ts";
import { Wire } from "./wire.ts";

export type { CollectorContext } from "./attempt.ts";

/** No session lasts longer, whatever the meter does: at 300 Bd this is time for 27 kB. */
const SESSION_LIMIT_MS = 15 * 60_000;

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
    else if (first?.mode === "D" || first?.dlms?.opening === PUSH) await hearMeter(wire, first, context);
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
  const asksDlms = dlms && its.counters && { dlms: { ...dlms, counters: its.counters } };
  const backfill = journal && await Backfill.of(meters, {
    ...{ journal, clock, report: report.backfill, signal: retire, onStep },
    ...asksDlms,
  });
  const keeper = journal &&
    ClockKeeper.of(meters, { journal, clock, log: report.log, drifts: report.drifts, signal: retire, ...asksDlms });
  const context = { ...its, backfill };
  const turns = meters.map((meter) => waitingTurn(meter, context));
  const shared = turns.length > 1;
  while (!retire.aborted) {
    for (const turn of turns) bringUpOn(wire, turn, context);
    const nowMs = clock.now();
    const turn = nextTurn(turns, nowMs);
    const waitMs = turn.due - nowMs;
    const awayMs = wire.waitMs(turn.slot);
    moves(line.name, context);
    if (waitMs > 0) await lend(wire, line, waitMs, context, keeper);
    else if (awayMs > 0) { // the slot waits for the line, and not beyond its end
      await clock.sleep(Math.min(awayMs, turn.slots(turn.slot) - nowMs, NAP_MS), retire);
    } else {
      ask(turn, nowMs);
      const attempt = await askMeter(wire, turn, { ...context, ...dlms && { modeE: dlms.askDlms } });
      settleTurn(turn, attempt, shared, context);
      if (shared) await beQuiet(line, context);
    }
  }
}

/** Nothing is due for `waitMs`: the line is lent to whoever goes back for what was missed, or sets a clock; else it rests. */
async function lend(
  wire: Wire,
  line: LineConfig,
  waitMs: number,
  context: CollectorContext,
  keeper: ClockKeeper | undefined,
): Promise<void> {
  const { quiet_time, connect_timeout } = line.endpoint.options;
  const roomMs = Math.min(waitMs, SESSION_LIMIT_MS) - quiet_time;
  moves(line.name, context, connect_timeout);
  if (await context.backfill?.step(wire, roomMs)) return await beQuiet(line, context);
  moves(line.name, context, SESSION_LIMIT_MS); // who sets a clock may wait for a whole minute
  if (await keeper?.step(wire, roomMs)) return await beQuiet(line, context);
  moves(line.name, context, connect_timeout);
  await wire.rest(Math.min(waitMs, NAP_MS), context.retire, waitMs);
}

/** Meters must notice that a session is over. */
async function beQuiet(line: LineConfig, context: CollectorContext): Promise<void> {
  const { quiet_time } = line.endpoint.options;
  moves(line.name, context, quiet_time);
  await (context.clock ?? systemClock).sleep(quiet_time, context.retire);
}

/** Brings a turn to its present slot, and tells which ended without it. */
function bringUpOn(wire: Wire, turn: MeterTurn, { clock = systemClock, report }: CollectorContext): void {
  const { slot, meter: { name } } = turn;
  const missed = bringUp(turn, presentOf(clock));
  const reason = wire.awayFor;
  if (reason === undefined || missed === 0) {
    passOver(turn, missed);
    return report.missed(name, missed, { slot: turn.slot, why: "its line was busy" });
  }
  loseToLine(turn, missed);
  report.lost(name, { reason, slot, next: turn.slot, count: missed, inARow: turn.lostInARow, loud: false });
}

/** One attempt at one meter. Its trouble ends here. */
async function askMeter(
  wire: Wire,
  turn: MeterTurn,
  context: CollectorContext & Pick<AskingOptions, "modeE">,
): Promise<Attempt> {
  try {
    return await readMeter(wire, turn, context);
  } catch (error) {
    if (context.stop.aborted) throw context.stop.reason;
    return await explain(error, wire, turn.meter, context);
  }
}

/** The session, and what is kept of it: as soon as the telegram is whole, whatever becomes of the sign-off. */
async function readMeter(
  wire: Wire,
  turn: MeterTurn,
  context: CollectorContext & Pick<AskingOptions, "modeE">,
): Promise<Attempt> {
  const { clock = systemClock, report, stop, modeE, counters } = context;
  const { meter, slot, slots, tries } = turn;
  using limit = limited(stop, { withinMs: SESSION_LIMIT_MS, what: "The session" });
  const its: { kept?: Promise<Attempt> } = {};
  const take = (telegram: Telegram) => {
    wire.proved();
    its.kept = keep(telegram, meter, context, slotOf(turn, telegram, clock));
    its.kept.catch(() => {}); // it is heard when the meter is signed off
    return its.kept;
  };
  const dialogue = asking(meter, {
    endpoint: wire.endpoint,
    tries: triesUntil(slots(slot) - clock.now(), tries, clock),
    onRefused: (reason) => report.refused(meter.name, reason),
    ...modeE && { modeE },
    ...counters && { counters },
  }, take);
  moves(meter.line, context, wire.endpoint.options.connect_timeout);
  const transport = await wire.open(limit.signal);
  const trace = () => moves(meter.line, context);
  try {
    return await converse(transport, dialogue, { signal: limit.signal, clock: steadyClock(clock), trace });
  } catch (error) {
    const attempt = await its.kept; // also on a stop: it is on its way to the disk
    if (!attempt || stop.aborted) throw error;
    await wire.lose(error);
    return attempt;
  }
}
