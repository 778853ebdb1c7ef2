/** Whether a meter that was read shows its load profile to whoever asks: the last rows are fetched, without a password. @module */
import { withLimit } from "../abort.ts";
import { approach } from "../approach.ts";
import { LineError, ProtocolError, RefusalError, SilenceError } from "../errors.ts";
import { type ProfileRow, programming, readProfile, zoneOf } from "../iec62056/mod.ts";
import { meterTypeOf } from "../meters/mod.ts";
import { converse } from "../session.ts";
import { parseEndpoint } from "../transport/endpoint.ts";
import { openTransport } from "../transport/mod.ts";
import type { Found, ProbeOptions } from "./probe.ts";

/** A profile that can be had without a password. */
export interface OpenProfile {
  /** `P.01` */
  readonly address: string;
  /** From one row to the next. */
  readonly minutes: number;
}

/** Rows of so long are asked for: some meters are an hour off in summer. */
const RANGE_MS = 3 * 3_600_000;
/** A sign-on, a refusal of each form; and three hours of rows at 300 Bd. */
const WITHIN_MS = 60_000;

/** Asks for it in a session of its own; `undefined`: there is none, or not for us. @throws the signal's reason */
export async function findProfile(
  { url, address, identification }: Pick<Found, "url" | "address" | "identification">,
  { signal, clock, trace }: Pick<ProbeOptions, "signal" | "clock" | "trace">,
): Promise<OpenProfile | undefined> {
  const endpoint = parseEndpoint(url);
  const wanted = meterTypeOf(identification)?.profile?.address ?? "P.01";
  const toMs = clock.now();
  const rows: ProfileRow[] = [];
  const range = { fromMs: toMs - RANGE_MS, toMs, zone: zoneOf(Temporal.Now.timeZoneId()), exact: true } as const;
  const way = { ...approach({ endpoint, ...address !== undefined && { address } }), tries: { left: 1 } };
  const asking = programming(
    way,
    (meter) => readProfile(meter, { ...range, address: wanted, onDay: (day) => rows.push(...day.rows) }),
  );
  try {
    await clock.sleep(endpoint.options.quiet_time, signal);
    await withLimit(signal, { withinMs: WITHIN_MS, what: "Asking for its profile", clock }, async (limit) => {
      await using transport = await openTransport(endpoint, { signal: limit, onNotice: () => {} });
      await converse(transport, asking, { signal: limit, clock, ...trace && { trace } });
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!isNo(error)) throw error;
  }
  const row = rows.find(({ startMs, endMs }) => endMs > startMs);
  return row && { address: wanted, minutes: Math.round((row.endMs - row.startMs) / 60_000) };
}

/** Whatever a meter or a wire does instead of an answer. */
function isNo(error: unknown): boolean {
  return [LineError, ProtocolError, RefusalError, SilenceError].some((no) => error instanceof no) ||
    error instanceof DOMException && error.name === "TimeoutError";
}
