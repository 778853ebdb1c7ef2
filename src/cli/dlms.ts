/** The options of a command that asks a DLMS meter (mode E): as whom, whom, how to sign on, how to get there. @module */
import type { AssociationOptions, Credentials } from "../dlms/mod.ts";
import { UsageError } from "../errors.ts";
import { type ModeEOptions, type Opening, OPENINGS } from "../mode_e.ts";
import { type Endpoint, hdlcLine, signOnLine } from "../transport/endpoint.ts";
import type { Arguments, Context } from "./command.ts";
import { readSecret } from "./programming.ts";

/** Options of mode E. */
export const DLMS_OPTIONS = {
  client: { type: "string" },
  server: { type: "string" },
  auth: { type: "string" },
  password: { type: "string" },
  opening: { type: "string" },
} as const;

/** How a client of this version signs on from the command line. */
const AUTHENTICATIONS = ["none", "low", "md5", "sha1"] as const;

/** Their part of the help. */
export const DLMS_HELP = `Mode E (DLMS), for meters that offer it or speak nothing else:

  --client NUMBER      as whom (default 16, the public client)
  --server NUMBER      whom: the logical device, and behind a "/" the meter on a shared line (default 1): 1/17
  --auth HOW           ${AUTHENTICATIONS.join(", ")} (default: low with a --password, else none)
  --password WHERE     env:NAME, file:PATH, or ask: never the password itself
  --opening HOW        sign-on (default): /?! at 300 Bd, then HDLC; hdlc: at once, at 9600 8N1 if the endpoint says no
                       other; wrapper: TCP without HDLC`;

/** Octets of a challenge: the number that every meter takes. */
const CHALLENGE_OCTETS = 16;

/** What the command line says about a session of mode E. @throws {UsageError} */
export async function parseDlms({ values }: Arguments, endpoint: Endpoint, context: Context): Promise<ModeEOptions> {
  const opening = oneOf("--opening", values.opening ?? "sign-on", OPENINGS);
  if (opening === "wrapper" && endpoint.kind !== "tcp") {
    throw new UsageError("--opening wrapper: the wrapper is for tcp:// alone; a serial line takes sign-on or hdlc");
  }
  const { max_baud: maxBaud } = endpoint.options;
  return {
    opening,
    line: lineOf(opening, endpoint),
    ...values.address !== undefined && { address: values.address as string },
    ...maxBaud !== undefined && { maxBaud },
    server: parseServer(values.server as string | undefined ?? "1"),
    association: await parseAssociation(values, context),
  };
}

function lineOf(opening: Opening, endpoint: Endpoint): ModeEOptions["line"] {
  return opening === "hdlc" ? hdlcLine(endpoint) : signOnLine(endpoint);
}

async function parseAssociation(values: Arguments["values"], { signal }: Context): Promise<AssociationOptions> {
  const client = parseNumber("--client", values.client as string | undefined ?? "16", 127);
  const where = values.password as string | undefined;
  const how = oneOf("--auth", values.auth ?? (where === undefined ? "none" : "low"), AUTHENTICATIONS);
  if (how === "none" && where !== undefined) throw new UsageError("--auth none takes no --password");
  if (how !== "none" && where === undefined) throw new UsageError(`--auth ${how} takes a --password`);
  return {
    client,
    credentials: where === undefined ? { mechanism: "none" } : credentials(how, await readSecret(where, signal)),
  };
}

function credentials(mechanism: typeof AUTHENTICATIONS[number], text: string): Credentials {
  const secret = new TextEncoder().encode(text);
  if (mechanism === "none") return { mechanism };
  if (mechanism === "low") return { mechanism, password: secret };
  return { mechanism, secret, challenge: crypto.getRandomValues(new Uint8Array(CHALLENGE_OCTETS)) };
}

function parseServer(text: string): ModeEOptions["server"] {
  const [upper = "", lower, ...more] = text.split("/");
  if (more.length > 0) throw new UsageError(`--server ${text}: it is a number, or two with a "/" between them: 1/17`);
  return {
    upper: parseNumber("--server", upper, 0x3fff),
    ...lower !== undefined && { lower: parseNumber("--server", lower, 0x3fff) },
  };
}

function parseNumber(option: string, text: string, most: number): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= most) return Number(text);
  throw new UsageError(`${option} ${text}: allowed are 0 to ${most}`);
}

function oneOf<T extends string>(option: string, text: unknown, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === text);
  if (found === undefined) throw new UsageError(`${option} ${text}: allowed are ${allowed.join(", ")}`);
  return found;
}
