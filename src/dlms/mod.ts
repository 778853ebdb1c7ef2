/**
 * Mode E: DLMS/COSEM, pure: octets in, values out; conversations as generators. From the wire up:
 *
 * | clause | what | file |
 * |---|---|---|
 * | IEC 62056-46, 6.4 | HDLC frames, addresses, control octets, check sequence | `hdlc.ts`, `hdlc_address.ts`, `hdlc_control.ts`, `crc.ts` |
 * | IEC 62056-46, 6.4.4 | the connection: parameters, segments, repetition | `hdlc_parameters.ts`, `hdlc_link.ts` |
 * | IEC 62056-46, 5 | LLC | `llc.ts` |
 * | IEC 62056-47 | wrapper on TCP | `wrapper.ts`, `wrapper_link.ts`, `link.ts` |
 * | Green Book 9.4 | association, release; what is settled then | `acse.ts`, `initiate.ts` |
 * | – | the client: its association, what it reads and writes | `association_options.ts`, `association.ts`, `ciphering.ts`, `client.ts`, `fetching.ts`, `writing.ts`, `long_values.ts`, `reading.ts`, `readout.ts` |
 * | Green Book 9.2 | ciphers, challenges, signatures, keys | `security.ts`, `ciphered_apdu.ts`, `general_protection.ts`, `authentication.ts`, `signatures.ts` |
 * | Green Book 9.3 | GET, SET, ACTION, ACCESS, READ and WRITE | `get.ts`, `set.ts`, `action.ts`, `access.ts`, `short_names.ts`, `references.ts` |
 * | Green Book 9.3 | refusals, in words | `refusals.ts` |
 * | Green Book 9.4.9 | general block transfer | `block_transfer.ts`, `transfer.ts`; `block_server.ts` |
 * | Green Book 9.3.10 | notifications, what meters push | `notifications.ts`, `push.ts`, `push_telegram.ts`, `push_values.ts`, `mbus.ts` |
 * | – | a meter that is none | `server.ts`, `served_association.ts`, `served_objects.ts`, `set_server.ts`, `action_server.ts`, `meter_objects.ts`, `station.ts` |
 * | Green Book 9.5 | values (A-XDR), exact decimals | `data.ts`, `axdr.ts`, `decimal.ts`, `octets.ts` |
 * | Green Book 4 | classes, object list, values with unit, profiles | `objects.ts`, `description.ts`, `values.ts`, `attribute_text.ts`, `units.ts`, `profile.ts` |
 * | Green Book 4.1.6.1, 7 | moments, names | `date_time.ts`, `logical_name.ts` |
 * @module
 */
export * from "./access.ts";
export * from "./acse.ts";
export * from "./action.ts";
export * from "./association.ts";
export * from "./association_options.ts";
export * from "./attribute_text.ts";
export * from "./authentication.ts";
export * from "./axdr.ts";
export * from "./block_server.ts";
export * from "./block_transfer.ts";
export * from "./ciphered_apdu.ts";
export * from "./ciphering.ts";
export * from "./client.ts";
export * from "./crc.ts";
export * from "./data.ts";
export * from "./date_time.ts";
export * from "./decimal.ts";
export * from "./description.ts";
export * from "./fetching.ts";
export * from "./general_protection.ts";
export * from "./get.ts";
export * from "./hdlc.ts";
export * from "./hdlc_address.ts";
export * from "./hdlc_control.ts";
export * from "./hdlc_link.ts";
export * from "./hdlc_parameters.ts";
export * from "./initiate.ts";
export * from "./link.ts";
export * from "./llc.ts";
export * from "./logical_name.ts";
export * from "./long_values.ts";
export * from "./mbus.ts";
export * from "./meter_objects.ts";
export * from "./notifications.ts";
export * from "./objects.ts";
export * from "./octets.ts";
export * from "./profile.ts";
export * from "./push.ts";
export * from "./push_telegram.ts";
export * from "./push_values.ts";
export * from "./reading.ts";
export * from "./readout.ts";
export * from "./references.ts";
export * from "./refusals.ts";
export * from "./security.ts";
export type { ServedAssociation } from "./served_association.ts";
export * from "./server.ts";
export * from "./set.ts";
export * from "./short_names.ts";
export * from "./signatures.ts";
export * from "./station.ts";
export * from "./transfer.ts";
export * from "./units.ts";
export * from "./values.ts";
export * from "./wrapper.ts";
export * from "./wrapper_link.ts";
export * from "./writing.ts";
