/** The clock of a DLMS meter (class 8), read and set: its attribute 2. @module */
import { type Dialogue, pause } from "./dialogue.ts";
import {
  type Client,
  CLOCK_COLUMN,
  dateTimeOf,
  decodeDateTime,
  encodeDateTime,
  formatDateTime,
  octetsOf,
  ValueReader,
} from "./dlms/mod.ts";
import { ProtocolError, RefusalError } from "./errors.ts";
import type { MeterClock, Zone } from "./iec62056/mod.ts";

const TIME = { classId: CLOCK_COLUMN.classId, name: CLOCK_COLUMN.name, id: 2 };
const SUMMER = 0x80;

/** What it shows. @throws {RefusalError} */
export function* readDlmsClock(client: Client): Dialogue<MeterClock> {
  const { refused, value, atMs } = yield* new ValueReader(client).read(TIME);
  if (refused !== undefined) throw new RefusalError(`The clock cannot be read: ${refused}`);
  return { texts: { [TIME.name]: value.text }, atMs, lastMs: atMs };
}

/**
 * Sets it to ours at a whole second; zone and season as the clock has them, or those of `zone` where it says none. Brings
 * home what was written. @throws {RefusalError} {ProtocolError} what it holds is no moment
 */
export function* setDlmsClock(client: Client, zone: Zone): Dialogue<Readonly<Record<string, string>>> {
  const { refused, data, atMs } = yield* new ValueReader(client).read(TIME);
  const held = refused === undefined ? decodeDateTime(octetsOf(data) ?? new Uint8Array()) : undefined;
  if (!held || (data.type !== "octet-string" && data.type !== "date-time")) {
    throw new ProtocolError("unreadable", `The clock cannot be set: ${refused ?? "what it holds is no moment"}`);
  }
  const wholeMs = Math.ceil(atMs / 1000) * 1000;
  yield* pause(wholeMs - atMs);
  const offsetMinutes = zone.offsetMs(wholeMs) / 60_000;
  const { deviationMinutes, ...local } = dateTimeOf(wholeMs, held.deviationMinutes ?? -offsetMinutes);
  const moment = {
    ...local,
    ...held.deviationMinutes !== undefined && { deviationMinutes: deviationMinutes! },
    status: (held.status ?? 0) & SUMMER,
  };
  yield* client.set(TIME, { type: data.type, octets: encodeDateTime(moment) });
  return { [TIME.name]: formatDateTime(moment) };
}
