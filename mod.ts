/**
 * The public door: obisd as a library, and all that a sink from outside needs.
 *
 * Protocols are pure dialogues; `converse` carries one out over a transport:
 * ```ts
 * import { converse, normalise, openTransport, parseEndpoint, readout } from "./mod.ts";
 *
 * async function readMeter(place: string, signal: AbortSignal) {
 *   await using transport = await openTransport(parseEndpoint(place), { signal });
 *   return normalise(await converse(transport, readout(), { signal }));
 * }
 * ```
 * @module
 */
export { type Clock, systemClock } from "./src/clock.ts";
export { type Arrival, type Dialogue, Inbox, type Step } from "./src/dialogue.ts";
export { LineError, type LineTrouble, ProtocolError, type ProtocolTrouble } from "./src/errors.ts";
export { RefusalError, SilenceError } from "./src/errors.ts";
export { decodeTelegrams } from "./src/iec62056/decode.ts";
export { listen } from "./src/iec62056/listen.ts";
export { read, write } from "./src/iec62056/commands.ts";
export { type Programming, programming, type ProgrammingOptions } from "./src/iec62056/programming.ts";
export { readout, type ReadoutOptions } from "./src/iec62056/readout.ts";
export { type LogBook, parseLogBook } from "./src/iec62056/log_book.ts";
export { formatProfileRequest, parseProfile, type Profile, type ProfileRow } from "./src/iec62056/profile.ts";
export { zoneOf } from "./src/iec62056/time_stamp.ts";
export { readRegisters, type Registers, telegramOf } from "./src/iec62056/registers.ts";
export { type LineSettings, type Parity, PUSH_LINE, SIGN_ON_LINE } from "./src/line.ts";
export { normalise } from "./src/normalise.ts";
export { converse } from "./src/session.ts";
export * from "./src/sink.ts";
export type * from "./src/telegram.ts";
export { type Endpoint, parseEndpoint } from "./src/transport/endpoint.ts";
export { openTransport } from "./src/transport/mod.ts";
export type { Transport } from "./src/transport/transport.ts";
