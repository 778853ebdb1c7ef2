/** How a meter says no: results of single accesses, exceptions, service errors; each in words (Green Book, 9.5). @module */
import { Reader, Writer } from "./octets.ts";

/** Data-access-result and action-result: what became of one attribute or method. 0 is success. */
const RESULTS: Readonly<Record<number, string>> = {
  0: "success",
  1: "hardware fault",
  2: "temporary failure",
  3: "read or write denied: this client has not the right",
  4: "the meter has no such object",
  9: "the object is of another class",
  11: "the object is not available",
  12: "wrong type of value",
  13: "scope of access violated: this client has not the right, or not yet",
  14: "data block unavailable",
  15: "long access aborted",
  16: "no long access in progress",
  17: "long write aborted",
  18: "no long write in progress",
  19: "wrong data block number",
  250: "refused for another reason",
};

/** `the meter has no such object (4)`. */
export function explainResult(code: number): string {
  return `${RESULTS[code] ?? "refused"} (${code})`;
}

/** EXCEPTION-Response: the meter takes a whole message not. */
export interface ServiceException {
  /** 1 not allowed, 2 unknown. */
  readonly state: number;
  readonly error: number;
  /** The smallest invocation counter that it would take. */
  readonly invocationCounter?: number;
}

const EXCEPTION = 0xd8;
const STATES: Readonly<Record<number, string>> = { 1: "service not allowed", 2: "service unknown" };
const ERRORS: Readonly<Record<number, string>> = {
  1: "operation not possible: no association, or an earlier one is still open",
  2: "service not supported",
  3: "other reason",
  4: "message too long",
  5: "cannot decipher: wrong key or system title",
  6: "invocation counter too low",
};

/** Whether a message is one. */
export function isException(apdu: Uint8Array): boolean {
  return apdu[0] === EXCEPTION;
}

/** What an exception says. @throws {ProtocolError} */
export function decodeException(apdu: Uint8Array): ServiceException {
  const reader = new Reader(apdu, "the exception");
  reader.unsigned(1);
  const [state, error] = [reader.unsigned(1), reader.unsigned(1)];
  return { state, error, ...(error === 6 && reader.left >= 4 ? { invocationCounter: reader.unsigned(4) } : {}) };
}

/** The octets. */
export function encodeException({ state, error, invocationCounter }: ServiceException): Uint8Array {
  const writer = new Writer().put(EXCEPTION, state, error);
  if (invocationCounter !== undefined) writer.integer(invocationCounter, 4);
  return writer.bytes;
}

/** `service not allowed: invocation counter too low: 812 < 4711`; `sent` is the counter that was refused. */
export function explainException({ state, error, invocationCounter }: ServiceException, sent?: number): string {
  const words = `${STATES[state] ?? `state ${state}`}: ${ERRORS[error] ?? `error ${error}`}`;
  if (invocationCounter === undefined) return words;
  return sent === undefined ? `${words}: ${invocationCounter} is expected` : `${words}: ${sent} < ${invocationCounter}`;
}

/** confirmedServiceError: which service failed, and why. */
export interface ServiceError {
  readonly service: number;
  readonly kind: number;
  readonly value: number;
}

const SERVICE_ERROR = 0x0e;
const SERVICES: Readonly<Record<number, string>> = { 1: "initiate", 5: "read", 6: "write" };
const KINDS: readonly (readonly [string, ...string[]])[] = [
  [
    "application",
    "other",
    "time elapsed",
    "unreachable",
    "reference invalid",
    "context unsupported",
    "provider",
    "cannot decipher: wrong key",
  ],
  ["hardware", "other", "memory", "processor", "mass storage", "other resource"],
  ["state", "other", "no DLMS context", "loading data set", "no change", "inoperable"],
  ["service", "other", "message too long", "service unsupported"],
  ["definition", "other", "object undefined", "class inconsistent", "attribute inconsistent"],
  ["access", "other", "scope violated", "access invalid", "hardware fault", "object unavailable"],
  ["initiate", "other", "DLMS version too low", "services incompatible", "message length too short", "refused"],
  ["load data set", "other"],
  ["task", "other"],
];

/** Whether a message is one. */
export function isServiceError(apdu: Uint8Array): boolean {
  return apdu[0] === SERVICE_ERROR;
}

/** What a confirmedServiceError says. @throws {ProtocolError} */
export function decodeServiceError(apdu: Uint8Array): ServiceError {
  const reader = new Reader(apdu, "the service error");
  reader.unsigned(1);
  return { service: reader.unsigned(1), kind: reader.unsigned(1), value: reader.unsigned(1) };
}

/** The octets. */
export function encodeServiceError({ service, kind, value }: ServiceError): Uint8Array {
  return Uint8Array.of(SERVICE_ERROR, service, kind, value);
}

/** `read: application unreachable`. */
export function explainServiceError({ service, kind, value }: ServiceError): string {
  const [name = `class ${kind}`, ...values] = KINDS[kind] ?? [];
  return `${SERVICES[service] ?? `service ${service}`}: ${name}: ${values[value] ?? `error ${value}`}`;
}
