/** Meters that speak by themselves: mode D, DLMS meters that push or call in. What is kept of them, and which slots they miss. @module */
import { type CollectorContext, explain, keep, moves, NAP_MS, presentOf, settleTurn, waitingTurn } from "./attempt.ts";
import { steadyClock, systemClock, timeOf } from "./clock.ts";
import type { LineConfig, MeterConfig } from "./config.ts";
import { type Dialogue, Inbox } from "./dialogue.ts";
import { LineError, SilenceError } from "./errors.ts";
import { listen } from "./iec62056/mod.ts";
import { meterTypeNamed } from "./meters/mod.ts";
import { converse } from "./session.ts";
import type { MeterTurn } from "./standing.ts";
import type { Telegram } from "./telegram.ts";
import { dlmsPushLine, pushLine } from "./transport/endpoint.ts";
import { bringUp } from "./turns.ts";
import type { Wire } from "./wire.ts";

/** A pushing meter is heard again after this, whatever went wrong. */
const HEAR_AGAIN_MS = 500;
/** While a telegram is on its way at the end of a slot, the slot is looked at again after this. */
const LOOK_AGAIN_MS = 250;

/**
 * Mode D, and mode E where the meter pushes: it speaks when it likes; of what it says, the first whole telegram of each
 * slot is kept, or every one.
 */
export async function hearMeter(wire: Wire, meter: MeterConfig, context: CollectorContext): Promise<void> {
  const inbox = new Inbox();
  const turn = meter.schedule && waitingTurn(meter, context);
  const next = await listening(wire, meter, inbox, context);
  await Promise.all([
    hearTelegrams(wire, meter, { inbox, next, turn }, context),
    turn && countSilence(turn, inbox, context),
  ]);
}

/** Makes the dialogue that brings home the next telegram. */
async function listening(
  { endpoint }: Wire,
  meter: MeterConfig,
  inbox: Inbox,
  { counters }: CollectorContext,
): Promise<() => Dialogue<Telegram>> {
  if (meter.mode === "D") {
    return () => listen(inbox, { line: pushLine(endpoint, meterTypeNamed(meter.type)?.push) });
  }
  const { hearPushed } = await import("./pushed.ts");
  return () => hearPushed(inbox, { line: dlmsPushLine(endpoint), meter, heard: counters!.heard });
}

/** How a meter is heard. */
interface Ear {
  readonly inbox: Inbox;
  readonly next: () => Dialogue<Telegram>;
  readonly turn: MeterTurn | undefined;
}

async function hearTelegrams(
  wire: Wire,
  meter: MeterConfig,
  { inbox, next, turn }: Ear,
  context: CollectorContext,
): Promise<void> {
  const { clock = systemClock, report, retire } = context;
  const steady = steadyClock(clock);
  let inVain = 0;
  while (!retire.aborted) {
    moves(meter.line, context, wire.endpoint.options.connect_timeout);
    try {
      const its = { signal: retire, clock: steady, trace: () => moves(meter.line, context) };
      const telegram = await converse(await wire.open(retire), next(), its);
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
export async function hearCallers(
  line: LineConfig,
  meters: readonly MeterConfig[],
  context: CollectorContext,
): Promise<void> {
  const { clock = systemClock, report, retire, counters } = context;
  const { heard } = counters!;
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
  await Promise.all([watched, hear(), ...counted]);
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
