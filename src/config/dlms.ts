/** What the configuration says about a meter that speaks DLMS (mode E). @module */
import * as z from "zod";
import {
  AUTHENTICATIONS,
  CIPHERS,
  type DlmsSettings,
  MAX_ADDRESS,
  MAX_CLIENT,
  NAMES,
  OPENINGS,
  parseHex,
  PUSH,
  SECURITIES,
} from "../dlms_settings.ts";
import { parseObis } from "../obis/code.ts";
import { parsed } from "../parsed.ts";
import { secret } from "../secret.ts";
import { present, type Readable } from "./fields.ts";

const number = (most: number) => z.int().min(0).max(most);

const hex = (octets: number) =>
  parsed((text) => {
    parseHex(text, octets);
    return text;
  });

/** Options of `dlms:`. */
export const dlmsSchema = z.strictObject({
  opening: z.enum([...OPENINGS, PUSH]).default("sign-on").describe(
    "How the session begins: sign-on, /?! at 300 Bd and then HDLC; hdlc, HDLC at once (9600 8N1 unless the line's url says otherwise), over TCP too; wrapper, TCP without HDLC. push: it speaks by itself, as at a customer's port (HAN): frames of HDLC or M-Bus, 2400 8N1 unless the line's url says otherwise.",
  ),
  client: number(MAX_CLIENT).default(16).describe(
    "As whom it is asked. 16 is the public client, which sees little; 1 is often the one that sees all.",
  ),
  server: number(MAX_ADDRESS).default(1).describe("Its logical device; 1 is the one that every meter has."),
  physical: number(MAX_ADDRESS).optional().meta({ examples: [17] }).describe(
    "Its number on an HDLC line that several meters share: often 17, or the last digits of the serial number. Absent: whoever is there.",
  ),
  address_octets: z.literal([1, 2, 4]).optional()
    .meta({ examples: [4] }).describe("Octets of its HDLC address: 1, 2 or 4. Absent: as few as it needs."),
  frame_octets: z.int().min(32).max(2030).default(1024).describe(
    "How much an HDLC frame may hold, as proposed; the meter may settle for less. 128 for one that takes a proposal badly.",
  ),
  names: z.enum(NAMES).default("logical").describe(
    "How its objects are called: logical, by OBIS code, or short, by number, as many older meters (Landis+Gyr, EMH, Actaris) want it.",
  ),
  auth: z.enum(AUTHENTICATIONS).optional().meta({ examples: ["low"] }).describe(
    "How the client proves who it is: none, low (the password itself), or the answer to a challenge: manufacturer, md5, sha1, sha256 by the password, gmac by the two keys, ecdsa by the signing key. Absent: low where there is a password, else none.",
  ),
  security: z.enum(SECURITIES).default("none").describe(
    "What is done to messages: none, authentication, encryption, or both, which most meters with keys want.",
  ),
  suite: z.literal([0, 1, 2]).default(0).describe(
    "Security suite: 0 and 1 cipher with AES-128, 2 with AES-256; ecdsa signs on P-256 in suite 1, on P-384 in suite 2.",
  ),
  cipher: z.enum(CIPHERS).default("global").describe(
    "With which key, and how it is told: global, or dedicated (drawn for each association); general-global and general-dedicated say the sender's title each time.",
  ),
  client_title: hex(8).optional().meta({ examples: ["4D4D4D0000000001"] }).describe(
    "System title of the client, 16 hex digits: three letters of a maker and five octets. Needed for ciphers, sha256, gmac, ecdsa; some meters take one alone.",
  ),
  meter_title: hex(8).optional().meta({ examples: ["4D4D4D0000BC614E"] }).describe(
    "System title of the meter, for one that does not say it.",
  ),
  encryption_key: secret.optional().meta({ examples: [{ credential: "flat-1-encryption" }] }).describe(
    "Global unicast encryption key (GUEK, EK), in hex digits: 32, in suite 2 64. obisd keeps the count of its messages beside the journal: no second client may use the same key with the same client_title.",
  ),
  authentication_key: secret.optional().meta({ examples: [{ credential: "flat-1-authentication" }] }).describe(
    "Authentication key (GAK, AK), as long.",
  ),
  signing_key: secret.optional().meta({ examples: [{ credential: "flat-1-signing" }] }).describe(
    "For ecdsa: the client's private key, in hex digits: 64, in suite 2 96.",
  ),
  meter_key: z.string().optional().meta({ examples: ["BAAFFDE06A8CB1C9DAE8D94023C601DB…"] }).describe(
    "For ecdsa: the meter's public key, x and y, in hex digits: 128, in suite 2 192.",
  ),
  read_counter: z.string().refine((name) => parseObis(name) !== "", "an OBIS code is needed: 0-0:43.1.0*255")
    .transform((name) => parseObis(name)).optional().meta({ examples: ["0-0:43.1.0*255"] }).describe(
      "The object in which the meter tells the public client which invocation counter it has heard last: read once when obisd starts, and after trouble. Absent: obisd goes on from its own count.",
    ),
  sign_off: z.boolean().default(true).describe(
    "false: for a meter that takes the message of the sign-off (RLRQ) badly.",
  ),
  general_blocks: z.boolean().default(false).describe(
    "true: general block transfer is proposed, for a meter that sends its long answers so, or takes long questions so alone. Long profiles come by the blocks of GET better: row by row.",
  ),
  accept_unproven: z.boolean().default(false).describe(
    "true: for a meter that answers a challenge by no proof of its own, which then may be somebody else.",
  ),
  accept_unauthenticated: z.boolean().default(false).describe(
    "true: for a meter that pushes messages which are encrypted alone (Austria's M-Bus), and has no authentication_key: anybody may forge one.",
  ),
});

/** What could be read of it. */
export type DraftDlms = Readable<typeof dlmsSchema.shape>;

/** The settings, once nothing is wrong with them. */
export function toDlmsSettings(its: DraftDlms): DlmsSettings {
  return {
    opening: its.opening!,
    client: its.client!,
    server: its.server!,
    ...present("physical", its.physical),
    ...present("addressOctets", its.address_octets),
    frameOctets: its.frame_octets!,
    names: its.names!,
    ...present("auth", its.auth),
    security: its.security!,
    suite: its.suite!,
    cipher: its.cipher!,
    ...present("clientTitle", its.client_title),
    ...present("meterTitle", its.meter_title),
    ...present("encryptionKey", its.encryption_key),
    ...present("authenticationKey", its.authentication_key),
    ...present("signingKey", its.signing_key),
    ...present("meterKey", its.meter_key),
    ...present("readCounter", its.read_counter),
    signOff: its.sign_off!,
    generalBlocks: its.general_blocks!,
    acceptUnproven: its.accept_unproven!,
    acceptUnauthenticated: its.accept_unauthenticated!,
  };
}
