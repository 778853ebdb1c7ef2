/** The options of `obisd simulate --mode E`: how clients of the simulated DLMS meter sign on. @module */
import {
  type Authentication,
  AUTHENTICATIONS,
  CIPHERS,
  keyOctets,
  MAX_ADDRESS,
  MAX_CLIENT,
  NAMES,
  OPENINGS,
  parseHex,
  PUSH,
  SECURITIES,
} from "../dlms_settings.ts";
import type { Keys, ServedAssociation } from "../dlms/mod.ts";
import { UsageError } from "../errors.ts";
import { type DlmsOptions, exampleKeys, PUSH_FRAMINGS } from "../simulator/mod.ts";
import type { Arguments } from "./command.ts";
import { oneOf, parseNumber, parseServer } from "./dlms.ts";
import { parseUsage } from "./target.ts";

/** Options of mode E. */
export const SIMULATED_DLMS_OPTIONS = {
  opening: { type: "string" },
  framing: { type: "string" },
  client: { type: "string" },
  server: { type: "string" },
  names: { type: "string" },
  auth: { type: "string" },
  security: { type: "string" },
  suite: { type: "string" },
  cipher: { type: "string" },
  "encryption-key": { type: "string" },
  "authentication-key": { type: "string" },
  "signing-key": { type: "string" },
  "client-key": { type: "string" },
  "frame-octets": { type: "string" },
  "block-octets": { type: "string" },
  "general-blocks": { type: "string" },
} as const;

/** Their part of the help. */
export const SIMULATED_DLMS_HELP =
  `With --mode E it is a DLMS meter, whose registers are those of the telegram; it has a clock that can be set, a load
profile of quarter hours (1-0:99.1.0), a breaker, and a list of its objects. Client 16 needs no secret, and sees clock
and name alone where others need one:

  --opening HOW             ${OPENINGS.join(", ")} (default sign-on: /?! at 300 Bd, modes C and E), or push: its
                            registers unasked, --every 5s at --baud 2400, --framing ${PUSH_FRAMINGS.join(" or ")}
  --client NUMBER           who sees everything (default 1)
  --server NUMBER           its logical device, and behind a "/" its number on the line (default 1)
  --names HOW               ${NAMES.join(", ")} (default logical)
  --auth HOW                ${AUTHENTICATIONS.join(", ")}
                            (default: low with --password, else none)
  --security WHAT           ${SECURITIES.join(", ")} (default none), with --suite N and
  --cipher HOW              ${CIPHERS.join(", ")};
                            pushed: general-global, or general (general-ciphering, DD)
  --encryption-key HEX, --authentication-key HEX
                            no keys of a real meter (default: the standard's examples, 000102… and D0D1D2…)
  --signing-key HEX, --client-key HEX
                            for ecdsa: the meter's private key, the client's public one
  --frame-octets N          what a frame holds (default 128); --block-octets N what a block does (default 1024)
  --general-blocks N        takes and sends what is longer in blocks of N octets (general block transfer), where the
                            client proposes it: four stream at once`;

/** Blocks that follow each other without being asked for. */
const STREAMING = 4;

/** What the meter challenges with, each time the same: it guards nothing. */
const CHALLENGE = new TextEncoder().encode("SimulatedMeter16");
/** To be signed, the standard wants 32 octets. */
const SIGNED_CHALLENGE = new TextEncoder().encode("SimulatedMeterWithA32OctetSecret");

/** How the meter is made. @throws {UsageError} */
export function parseSimulatedDlms({ values }: Arguments): DlmsOptions {
  const text = (option: keyof typeof SIMULATED_DLMS_OPTIONS | "password") => values[option] as string | undefined;
  const among = <T extends string>(option: keyof typeof SIMULATED_DLMS_OPTIONS, allowed: readonly T[], absent: T) =>
    oneOf(`--${option}`, text(option) ?? absent, allowed);
  const number = (option: keyof typeof SIMULATED_DLMS_OPTIONS, most: number, absent: number) =>
    text(option) === undefined ? absent : parseNumber(`--${option}`, text(option)!, most);
  const opening = among("opening", [...OPENINGS, PUSH], "sign-on");
  if (opening !== PUSH && text("framing") !== undefined) throw new UsageError("--framing is of --opening push");
  const { server, physical } = parseServer(text("server") ?? "1");
  const suite = Number(among("suite", ["0", "1", "2"], "0")) as Keys["suite"];
  const security = among("security", SECURITIES, "none");
  const auth = among("auth", AUTHENTICATIONS, text("password") === undefined ? "none" : "low");
  const keys = keysOf(suite, text("encryption-key"), text("authentication-key"));
  const protection = { authenticated: security !== "encryption", encrypted: security !== "authentication" };
  return {
    opening,
    ...opening === PUSH && { framing: among("framing", PUSH_FRAMINGS, "hdlc") },
    client: number("client", MAX_CLIENT, 1),
    server,
    ...physical !== undefined && { physical },
    names: among("names", NAMES, "logical"),
    credentials: credentialsOf(auth, { keys, password: text("password"), values }),
    ...security !== "none" && { ciphering: { keys, protection, ...cipherOf(opening, text("cipher")) } },
    frameOctets: Math.max(32, number("frame-octets", 2030, 128)),
    ...text("general-blocks") !== undefined &&
      { generalBlocks: { octets: Math.max(16, number("general-blocks", MAX_ADDRESS, 0)), window: STREAMING } },
    blockOctets: Math.max(16, number("block-octets", MAX_ADDRESS, 1024)),
  };
}

/** In an association one of the ciphers; what is pushed is either of the general ones. */
function cipherOf(opening: string, cipher?: string): Pick<NonNullable<DlmsOptions["ciphering"]>, "kind" | "isGeneral"> {
  if (opening !== PUSH) return { kind: oneOf("--cipher", cipher ?? "global", CIPHERS) };
  return { isGeneral: oneOf("--cipher", cipher ?? "general-global", ["general-global", "general"]) === "general" };
}

function keysOf(suite: Keys["suite"], encryption: string | undefined, authentication: string | undefined): Keys {
  const { cipher } = keyOctets(suite);
  const read = (option: string, hex: string) => parseUsage(() => parseHex(hex, cipher), `--${option}: `);
  return {
    ...exampleKeys(suite),
    ...encryption !== undefined && { encryption: read("encryption-key", encryption) },
    ...authentication !== undefined && { authentication: read("authentication-key", authentication) },
  };
}

function credentialsOf(
  mechanism: Authentication,
  { keys, password, values }: { keys: Keys; password: string | undefined; values: Arguments["values"] },
): ServedAssociation["credentials"] {
  if (mechanism === "none") return { mechanism };
  const challenge = CHALLENGE;
  if (mechanism === "gmac") return { mechanism, keys, challenge };
  if (mechanism === "ecdsa") return { ...signingKeys(keys.suite, values), challenge: SIGNED_CHALLENGE };
  if (password === undefined) throw new UsageError(`--auth ${mechanism} takes a --password WORD`);
  const secret = new TextEncoder().encode(password);
  return mechanism === "low" ? { mechanism, password: secret } : { mechanism, secret, challenge };
}

function signingKeys(suite: Keys["suite"], values: Arguments["values"]) {
  if (suite === 0) throw new UsageError("--auth ecdsa signs in --suite 1 or 2");
  const octets = keyOctets(suite);
  const read = (option: "signing-key" | "client-key", count: number) => {
    const hex = values[option] as string | undefined;
    if (hex === undefined) throw new UsageError(`--auth ecdsa needs --${option} HEX`);
    return parseUsage(() => parseHex(hex, count), `--${option}: `);
  };
  const curve = suite === 2 ? "P-384" : "P-256";
  return {
    mechanism: "ecdsa",
    signing: { curve, secret: read("signing-key", octets.signing) },
    verifying: { curve, point: read("client-key", octets.public) },
  } as const;
}
