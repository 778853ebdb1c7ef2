/**
 * The whole line on one page: due → session → telegram → readings → journal. (From the journal each sink has its own loop:
 * `delivery.ts`.) Each line is served by one loop, so that its meters take turns and none is ever asked twice at once.
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import type { LineConfig, MeterConfig } from "./config.ts";
import { Inbox } from "./dialogue.ts";
import { listen, readout } from "./iec62056/mod.ts";
import type { Journal } from "./journal.ts";
import type { Log } from "./log.ts";
import { normalise, verifyIdentity } from "./normalise.ts";
import type { Progress } from "./progress.ts";
import { nextSlot } from "./schedule.ts";
import { converse } from "./session.ts";
import type { Telegram } from "./telegram.ts";
import { withLimit } from "./abort.ts";
import { LineError, ProtocolError, SilenceError } from "./errors.ts";
import { pushLine, signOnLine } from "./transport/endpoint.ts";
import { catchUp, firstTurn, nextTurn, type Outcome, settle, type Turn } from "./turns.ts";
import { Wire } from "./wire.ts";

/** No session lasts longer, whatever the meter does: at 300 Bd this is time for 27 kB. */
const SESSION_LIMIT_MS = 15 * 60_000;
/** The clock is looked at this often at least, for somebody may set it. */
const NAP_MS = 30_000;
/** What a loop may take beyond what it promised before the watchdog calls it stuck. */
const GRACE_MS = 60_000;
/** A pushing meter's line that is gone is opened again after this, doubled each time. */
const REOPEN_FIRST_MS = 500;
const REOPEN_MAX_MS = 30_000;

/** What has happened since the start. */
export interface Counts {
  readouts: number;
  readings: number;
  failures: number;
  lostSlots: number;
  dropped: number;
}

/** What the loops of all lines share. */
export interface CollectorContext {
  readonly journal: Pick<Journal, "append">;
  readonly log: Log;
  readonly counts: Counts;
  readonly progress: Progress;
  readonly clock?: Clock;
  /** Ends a session at once, the meter signed off. */
  readonly stop: AbortSignal;
  /** Ends the loop between two sessions. */
  readonly retire: AbortSignal;
}

/** A meter in the queue of its line. */
type MeterTurn = Turn & { readonly meter: MeterConfig };

/** Serves one line until stopped: whatever one meter or its wire does, it goes on. */
export async function serveLine(
  line: LineConfig,
  meters: readonly MeterConfig[],
  context: CollectorContext,
): Promise<void> {
  await using wire = new Wire(
    line.endpoint,
    (notice) => context.log.warning(`Line ${line.name}: ${notice}`, { line: line.name }),
  );
  try {
    if (meters[0]?.mode === "D") await hearMeter(wire, meters[0], context);
    else if (meters.length > 0) await askMeters(wire, line, meters, context);
  } catch (error) {
    if (!context.stop.aborted && !context.retire.aborted) throw error;
  } finally {
    context.progress.done(line.name);
  }
}

/** Modes A, B and C: the meters are asked in turn, each when it is due. */
async function askMeters(
  wire: Wire,
  line: LineConfig,
  meters: readonly MeterConfig[],
  context: CollectorContext,
): Promise<void> {
  const { clock = systemClock, progress } = context;
  const turns: MeterTurn[] = meters.map((meter) => ({
    ...firstTurn((afterMs) => nextSlot(meter.schedule!, afterMs), meter.tries, clock.now()),
    meter,
  }));
  const shared = turns.length > 1;
  while (!context.retire.aborted) {
    for (const turn of turns) countMissed(turn, catchUp(turn, clock.now()), context);
    const turn = nextTurn(turns, clock.now());
    const waitMs = turn.due - clock.now();
    if (waitMs > 0) {
      await wire.rest();
      progress.promise(line.name, NAP_MS + GRACE_MS);
      await clock.sleep(Math.min(waitMs, NAP_MS), context.retire);
      continue;
    }
    progress.promise(line.name, SESSION_LIMIT_MS + GRACE_MS);
    const outcome = await askMeter(wire, turn, context);
    settleTurn(turn, outcome, shared, context);
    if (shared) await clock.sleep(line.endpoint.options.quiet_time, context.retire);
  }
}

/** One attempt at one meter. Its trouble ends here. */
async function askMeter(
  wire: Wire,
  { meter, slot, slots, tries }: MeterTurn,
  context: CollectorContext,
): Promise<Outcome> {
  const { clock = systemClock } = context;
  const endOfSlot = setTimeout(() => tries.left = 0, Math.min(slots(slot) - clock.now(), 2 ** 31 - 1));
  try {
    const telegram = await withLimit(
      context.stop,
      { withinMs: SESSION_LIMIT_MS, what: "The session" },
      async (signal) => {
        const transport = await wire.open(signal);
        const { max_baud: maxBaud } = wire.endpoint.options;
        const dialogue = readout({
          mode: meter.mode as "A" | "B" | "C" | "auto",
          line: signOnLine(wire.endpoint),
          tries,
          ...meter.address !== undefined && { address: meter.address },
          ...maxBaud !== undefined && { maxBaud },
        });
        return await converse(transport, dialogue, { signal, clock });
      },
    );
    return await keep(telegram, meter, context) ? "read" : "final";
  } catch (error) {
    if (context.stop.aborted) throw context.stop.reason;
    await complain(error, wire, meter, context);
    const again = error instanceof SilenceError || error instanceof LineError ||
      error instanceof ProtocolError && error.trouble === "unreadable";
    return again ? "unanswered" : "final";
  } finally {
    clearTimeout(endOfSlot);
  }
}

/** Mode D: the meter speaks when it likes; of what it says, the first whole telegram of each slot is kept, or every one. */
async function hearMeter(wire: Wire, meter: MeterConfig, context: CollectorContext): Promise<void> {
  const { clock = systemClock, progress } = context;
  const { schedule } = meter;
  const turn = schedule && { ...firstTurn((afterMs) => nextSlot(schedule, afterMs), meter.tries, clock.now()), meter };
  const inbox = new Inbox();
  let reopenMs = REOPEN_FIRST_MS;
  while (!context.retire.aborted) {
    progress.promise(meter.line, NAP_MS + GRACE_MS);
    if (turn) countMissed(turn, catchUp(turn, clock.now()), context);
    try {
      const transport = await wire.open(context.retire);
      const telegram = await converse(transport, listen(inbox, { line: pushLine(wire.endpoint) }), {
        signal: context.retire,
        clock,
      });
      reopenMs = REOPEN_FIRST_MS;
      if (telegram.check.result === "wrong" || !telegram.block.complete) {
        drop(telegram, meter, context);
      } else if (!turn) {
        await keep(telegram, meter, context);
      } else if (telegram.atMs >= turn.slot) {
        countMissed(turn, catchUp(turn, telegram.atMs), context);
        settleTurn(turn, await keep(telegram, meter, context) ? "read" : "final", false, context);
      }
    } catch (error) {
      if (context.retire.aborted) return;
      await complain(error, wire, meter, context);
      if (error instanceof SilenceError) {
        await wire.rest(); // a connection whose other end is gone is silent for ever
        continue;
      }
      inbox.clear();
      await clock.sleep(reopenMs, context.retire);
      reopenMs = Math.min(2 * reopenMs, REOPEN_MAX_MS);
    }
  }
}

/** Telegram → readings → journal. Whether they are delivered: a meter that is not the one it should be delivers nothing. */
async function keep(
  telegram: Telegram,
  meter: MeterConfig,
  { journal, log, counts }: CollectorContext,
): Promise<boolean> {
  const stranger = meter.expect && verifyIdentity(telegram, meter.expect);
  if (stranger) {
    counts.failures++;
    log.error(`${meter.name}: nothing delivered, another meter answers: ${stranger}`, { meter: meter.name });
    return false;
  }
  for (const { text, reason } of telegram.block.damaged) {
    log.warning(`${meter.name}: cannot read data line ${JSON.stringify(text)}: ${reason}`, { meter: meter.name });
  }
  const readings = normalise(telegram, {
    meter: meter.name,
    labels: meter.labels,
    ...meter.obis && { obis: meter.obis },
  });
  if (readings.length === 0) {
    log.warning(`${meter.name}: read, but it said nothing that is wanted (obis: ${meter.obis?.join(", ") ?? "all"})`, {
      meter: meter.name,
    });
    return true;
  }
  await journal.append(readings);
  counts.readouts++;
  counts.readings += readings.length;
  log.debug(`${meter.name}: ${readings.length} readings`, { meter: meter.name, readings: readings.length });
  return true;
}

function drop(telegram: Telegram, meter: MeterConfig, { log, counts }: CollectorContext): void {
  counts.dropped++;
  const why = telegram.block.complete ? `${telegram.check.kind.toUpperCase()} wrong` : "it broke off";
  log.warning(`${meter.name}: telegram of ${telegram.bytes.length} bytes dropped: ${why}`, { meter: meter.name });
}

async function complain(
  error: unknown,
  wire: Wire,
  meter: MeterConfig,
  { log, counts }: CollectorContext,
): Promise<void> {
  counts.failures++;
  if (error instanceof LineError || !isExpected(error)) await wire.close();
  const text = error instanceof Error ? error.message : String(error);
  log.warning(`${meter.name}: ${text}`, {
    meter: meter.name,
    ...!isExpected(error) && { stack: (error as Error).stack },
  });
}

/** What meters and wires do; anything else is a fault of ours or of the disk, and its stack is worth a line. */
function isExpected(error: unknown): boolean {
  return error instanceof Error &&
    ["SilenceError", "LineError", "ProtocolError", "RefusalError", "TimeoutError"].includes(error.name);
}

function settleTurn(
  turn: MeterTurn,
  outcome: Outcome,
  shared: boolean,
  { clock = systemClock, counts, log }: CollectorContext,
): void {
  const { slot, lostInARow, meter } = turn;
  const over = settle(turn, outcome, clock.now(), shared);
  if (!over) {
    log.info(`${meter.name}: asked again at ${time(turn.due)}`, { meter: meter.name });
  } else if (outcome !== "read") {
    counts.lostSlots++;
    log.error(`${meter.name}: slot ${time(slot)} has no reading, next slot ${time(turn.slot)}`, {
      meter: meter.name,
      slot: time(slot),
    });
  } else if (lostInARow > 0) {
    log.info(`${meter.name}: read again after ${lostInARow} slots without a reading`, { meter: meter.name });
  }
}

function countMissed({ meter, slot }: MeterTurn, missed: number, { counts, log }: CollectorContext): void {
  if (missed === 0) return;
  counts.lostSlots += missed;
  log.error(`${meter.name}: ${missed} slots missed before ${time(slot)}: the line was busy or silent`, {
    meter: meter.name,
    missed,
  });
}

function time(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString() : "never";
}
