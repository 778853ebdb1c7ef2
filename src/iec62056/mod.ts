/**
 * IEC 62056-21, pure: bytes in, values out; conversations as generators.
 *
 * | clause | what | file |
 * |---|---|---|
 * | 6.1, 6.2 | characters; block check character | `characters.ts`, `bcc.ts` |
 * | 6.3 | messages, value ↔ bytes | `messages.ts` |
 * | 6.3 | where a message begins and ends in a dirty stream | `framing.ts` |
 * | 6.3.14, 6.4 | modes, speeds, reaction times | `modes.ts` |
 * | 6.3.1, 6.3.2; 6.3.14 | sign-on; sign-off | `sign_on.ts`, `sign_off.ts` |
 * | 6.4.3, 6.4.6 | wake-up, speed, pauses: the standard's and the makers' | `manners.ts` |
 * | 6.4.1 to 6.4.3 | readout in modes A, B, C | `readout.ts` |
 * | 6.3.5 to 6.3.12, 6.4.3 | programming mode: the session, its commands, a message and its answer, registers | `programming.ts`, `commands.ts`, `exchange.ts`, `registers.ts` |
 * | 6.3.6 to 6.3.12 | what a meter answers there; its error messages; passwords and challenges | `replies.ts`, `refusals.ts`, `access.ts` |
 * | 6.4.5 | mode E: handing the line over to HDLC | `hand_over.ts` |
 * | VDEW | load profiles, asked for and read; log books | `read_profile.ts`, `profile.ts`, `log_book.ts` |
 * | VDEW | times as meters write them; a meter's clock | `time_stamp.ts`, `meter_clock.ts` |
 * | 6.4.4, DSMR P1 | mode D and P1 | `listen.ts`, `crc16.ts` |
 * | 6.5 | data block | `data_block.ts` |
 * | – | captured files | `decode.ts` |
 * | – | what is no IEC 62056-21, recognised | `sml.ts` |
 * @module
 */
export * from "./access.ts";
export * from "./bcc.ts";
export * from "./characters.ts";
export * from "./crc16.ts";
export * from "./data_block.ts";
export * from "./decode.ts";
export * from "./framing.ts";
export * from "./hand_over.ts";
export * from "./listen.ts";
export * from "./log_book.ts";
export * from "./manners.ts";
export * from "./messages.ts";
export * from "./meter_clock.ts";
export * from "./modes.ts";
export * from "./profile.ts";
export * from "./commands.ts";
export * from "./programming.ts";
export * from "./read_profile.ts";
export * from "./readout.ts";
export * from "./refusals.ts";
export * from "./registers.ts";
export * from "./replies.ts";
export * from "./sign_on.ts";
export * from "./sml.ts";
export * from "./time_stamp.ts";
