/**
 * Mode E: DLMS/COSEM, pure: octets in, values out; conversations as generators. From the wire up:
 *
 * | clause | what | file |
 * |---|---|---|
 * | IEC 62056-46, 6.4 | HDLC frames, addresses, control octets, check sequence | `hdlc.ts`, `hdlc_address.ts`, `hdlc_control.ts`, `crc.ts` |
 * | IEC 62056-46, 6.4.4 | the connection: parameters, segments, repetition | `hdlc_parameters.ts`, `hdlc_link.ts` |
 * | IEC 62056-46, 5 | LLC | `llc.ts` |
 * | IEC 62056-47 | wrapper on TCP | `wrapper.ts`, `wrapper_link.ts`, `link.ts` |
 * | Green Book 9.5 | values (A-XDR) | `data.ts`, `axdr.ts` |
 * | Green Book 4.1.6.1 | moments | `date_time.ts` |
 * @module
 */
export * from "./axdr.ts";
export * from "./crc.ts";
export * from "./data.ts";
export * from "./date_time.ts";
export * from "./decimal.ts";
export * from "./hdlc.ts";
export * from "./hdlc_address.ts";
export * from "./hdlc_control.ts";
export * from "./hdlc_link.ts";
export * from "./hdlc_parameters.ts";
export * from "./link.ts";
export * from "./llc.ts";
export * from "./octets.ts";
export * from "./wrapper.ts";
export * from "./wrapper_link.ts";
