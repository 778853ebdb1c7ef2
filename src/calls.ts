/** Meters that call in: DLMS pushes over connections that the meters make. Loaded where such a line is configured alone. @module */
import type { Clock } from "./clock.ts";
import type { MeterConfig } from "./config.ts";
import { Inbox } from "./dialogue.ts";
import { framingOf, receivePush } from "./dlms/mod.ts";
import { LineError, ProtocolError, SilenceError } from "./errors.ts";
import type { HeardCounters } from "./heard_counters.ts";
import { callerOf, readPushed } from "./pushed.ts";
import { converse } from "./session.ts";
import type { Telegram } from "./telegram.ts";
import { takeCalls } from "./transport/calls.ts";
import type { Endpoint } from "./transport/endpoint.ts";
import type { Transport } from "./transport/transport.ts";

/** Calls at a time; a call is closed after a quarter hour, or a minute without a message. */
const [CALLS, CALL_MS, IDLE_MS] = [16, 15 * 60_000, 60_000];

/** Who is told what. */
export interface CallsContext {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly heard: HeardCounters;
  /** A message of this meter, which can be trusted. */
  readonly onTelegram: (meter: MeterConfig, telegram: Telegram) => Promise<void>;
  /** A message that is not delivered; `meter`: of whom it says it is, if that is one of these. */
  readonly onRefused: (reason: string, meter: MeterConfig | undefined) => void;
  readonly onNotice: (text: string) => void;
}

/** Takes calls until aborted. @throws {LineError} the port cannot be had @throws the signal's reason */
export async function hearCalls(
  endpoint: Endpoint,
  meters: readonly MeterConfig[],
  context: CallsContext,
): Promise<never> {
  const { host, port } = endpoint as Extract<Endpoint, { kind: "tcp-listen" }>;
  const { signal, onNotice } = context;
  const limits = { atOnce: CALLS, withinMs: CALL_MS };
  return await takeCalls({ host, port, ...limits, signal, onOpen: () => {}, onNotice }, async (transport, _, its) => {
    const inbox = new Inbox();
    try {
      while (true) await hearOne(meters, transport, inbox, { ...context, signal: its });
    } catch (error) {
      if (!(error instanceof LineError || error instanceof SilenceError)) throw error; // it has hung up, or says no more
    }
  });
}

async function hearOne(
  meters: readonly MeterConfig[],
  transport: Transport,
  inbox: Inbox,
  { signal, clock, heard, onTelegram, onRefused }: CallsContext,
): Promise<void> {
  const cut = await converse(transport, message(inbox), { signal, clock });
  let meter: MeterConfig | undefined;
  let telegram: Telegram;
  try {
    meter = callerOf(meters, cut.value);
    telegram = readPushed(cut, meter, heard);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return onRefused(error.message, meter);
  }
  await onTelegram(meter, telegram);
}

function* message(inbox: Inbox) {
  return yield* receivePush(inbox, yield* framingOf(inbox, IDLE_MS), { withinMs: IDLE_MS });
}
