/** What a meter says unasked: data and events that it pushes (Green Book, 9.3.10 and 9.3.11). @module */
import { readData, writeData } from "./axdr.ts";
import type { Data } from "./data.ts";
import { Reader, Writer } from "./octets.ts";
import { readList, readReference, type Reference, writeReference } from "./references.ts";
import { readVariable } from "./short_names.ts";

/** Values, as the meter's push setup lists them. */
export interface DataNotification {
  /** 24 bits of number, and bits for priority and confirmation. */
  readonly invoke: number;
  /** Twelve octets of a moment, or none. */
  readonly dateTime?: Uint8Array;
  readonly data: Data;
}

/** One attribute that has changed. */
export interface EventNotification {
  readonly dateTime?: Uint8Array;
  readonly attribute: Reference;
  readonly data: Data;
}

/** Attributes of a meter with short names, by their numbers. */
export interface InformationReport {
  readonly dateTime?: Uint8Array;
  readonly names: readonly number[];
  /** As many as names. */
  readonly data: readonly Data[];
}

/** All that a meter says unasked. */
export type Notification = DataNotification | EventNotification | InformationReport;

const [DATA, EVENT, REPORT, OCTET_STRING] = [0x0f, 0xc2, 0x18, 0x09];

/** Whether a message is any of them. */
export function isNotification([tag]: Uint8Array): boolean {
  return tag === DATA || tag === EVENT || tag === REPORT;
}

/** Any of them. @throws {ProtocolError} */
export function decodeNotification(apdu: Uint8Array): Notification {
  if (apdu[0] === EVENT) return decodeEventNotification(apdu);
  return apdu[0] === REPORT ? decodeInformationReport(apdu) : decodeDataNotification(apdu);
}

/** The octets. */
export function encodeDataNotification({ invoke, dateTime, data }: DataNotification): Uint8Array {
  const writer = new Writer().put(DATA).integer(invoke, 4).octets(dateTime ?? new Uint8Array());
  writeData(writer, data);
  return writer.bytes;
}

/** A data notification; one maker writes the tag of an octet string before the moment. @throws {ProtocolError} */
export function decodeDataNotification(apdu: Uint8Array): DataNotification {
  const reader = new Reader(apdu, "the data notification");
  if (reader.unsigned(1) !== DATA) throw reader.error("it does not begin with 0F");
  const invoke = reader.unsigned(4);
  if (reader.peek() === OCTET_STRING) reader.unsigned(1);
  const dateTime = reader.octets();
  const data = readData(reader);
  return { invoke, ...(dateTime.length > 0 ? { dateTime } : {}), data };
}

/** The octets. */
export function encodeEventNotification({ dateTime, attribute, data }: EventNotification): Uint8Array {
  const writer = new Writer().put(EVENT, dateTime ? 1 : 0);
  if (dateTime) writer.octets(dateTime);
  writeReference(writer, attribute);
  writeData(writer, data);
  return writer.bytes;
}

/** An event notification; some meters leave out the length of the moment. @throws {ProtocolError} */
export function decodeEventNotification(apdu: Uint8Array): EventNotification {
  const reader = new Reader(apdu, "the event notification");
  if (reader.unsigned(1) !== EVENT) throw reader.error("it does not begin with C2");
  const dateTime = reader.unsigned(1) === 0 ? undefined : reader.peek() === 12 ? reader.octets() : reader.take(12);
  const attribute = readReference(reader);
  return { ...(dateTime ? { dateTime } : {}), attribute, data: readData(reader) };
}

/** An information report. @throws {ProtocolError} */
export function decodeInformationReport(apdu: Uint8Array): InformationReport {
  const reader = new Reader(apdu, "the information report");
  if (reader.unsigned(1) !== REPORT) throw reader.error("it does not begin with 18");
  const dateTime = reader.unsigned(1) === 0 ? undefined : reader.octets();
  const names = readList(reader, readVariable).map((variable) => {
    if ("name" in variable) return variable.name;
    throw reader.error("it names a block, no attribute");
  });
  const data = readList(reader, (each) => readData(each));
  if (names.length !== data.length) throw reader.error(`it has ${names.length} names and ${data.length} values`);
  return { ...(dateTime ? { dateTime } : {}), names, data };
}
