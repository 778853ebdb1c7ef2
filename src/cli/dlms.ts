/** The options of a command that asks a DLMS meter (mode E): as whom, whom, how to sign on, how to get there. @module */
import { modeEOptions } from "../dlms_access.ts";
import {
  authenticationOf,
  AUTHENTICATIONS,
  type DlmsSettings,
  MAX_ADDRESS,
  MAX_CLIENT,
  NAMES,
  OPENINGS,
} from "../dlms_settings.ts";
import { UsageError } from "../errors.ts";
import type { ModeEOptions } from "../mode_e.ts";
import type { Arguments, Context } from "./command.ts";
import { readSecret } from "./programming.ts";
import type { Target } from "./target.ts";

/** Options of mode E. */
export const DLMS_OPTIONS = {
  client: { type: "string" },
  server: { type: "string" },
  auth: { type: "string" },
  password: { type: "string" },
  opening: { type: "string" },
  names: { type: "string" },
} as const;

/** Their part of the help. */
export const DLMS_HELP =
  `Mode E (DLMS), for meters that offer it or speak nothing else; of a METER, what its dlms: says where nothing else is
said here:

  --client NUMBER      as whom (default 16, the public client)
  --server NUMBER      whom: the logical device, and behind a "/" the meter on a shared line (default 1): 1/17
  --auth HOW           ${AUTHENTICATIONS.join(", ")} (default: low with a --password, else none)
  --password WHERE     env:NAME, file:PATH, or ask: never the password itself
  --opening HOW        sign-on (default): /?! at 300 Bd, then HDLC; hdlc: at once, at 9600 8N1 if the endpoint says no
                       other; wrapper: TCP without HDLC
  --names HOW          logical (default), or short: of older meters, whose objects have numbers`;

/** What holds where neither the command line nor the configuration says anything. */
const DEFAULTS: DlmsSettings = {
  ...{ opening: "sign-on", client: 16, server: 1, frameOctets: 1024, names: "logical" },
  ...{ signOff: true, acceptUnproven: false },
};

/** What the command line says about a session of mode E, and the configuration beneath it. @throws {UsageError} */
export async function parseDlms(args: Arguments, target: Target, { signal }: Context): Promise<ModeEOptions> {
  const { values } = args;
  const { endpoint, address } = target;
  const settings = { ...DEFAULTS, ...target.dlms, ...givenSettings(values) };
  if (settings.opening === "wrapper" && endpoint.kind !== "tcp") {
    throw new UsageError("--opening wrapper: the wrapper is for tcp:// alone; a serial line takes sign-on or hdlc");
  }
  const where = values.password as string | undefined;
  const auth = authenticationOf(settings, where !== undefined || target.password !== undefined);
  if (auth === "none" && where !== undefined) throw new UsageError("--auth none takes no --password");
  if (auth !== "none" && where === undefined && !target.password) {
    throw new UsageError(`--auth ${auth} takes a --password`);
  }
  const password = auth === "none"
    ? undefined
    : where === undefined
    ? target.password!()
    : await readSecret(where, signal);
  return modeEOptions(settings, {
    endpoint,
    ...address !== undefined && { address },
    ...password !== undefined && { password },
  });
}

function givenSettings({ opening, client, server, auth, names }: Arguments["values"]): Partial<DlmsSettings> {
  return {
    ...opening !== undefined && { opening: oneOf("--opening", opening, OPENINGS) },
    ...client !== undefined && { client: parseNumber("--client", client as string, MAX_CLIENT) },
    ...server !== undefined && parseServer(server as string),
    ...auth !== undefined && { auth: oneOf("--auth", auth, AUTHENTICATIONS) },
    ...names !== undefined && { names: oneOf("--names", names, NAMES) },
  };
}

function parseServer(text: string): Pick<DlmsSettings, "server" | "physical"> {
  const [upper = "", lower, ...more] = text.split("/");
  if (more.length > 0) throw new UsageError(`--server ${text}: it is a number, or two with a "/" between them: 1/17`);
  return {
    server: parseNumber("--server", upper, MAX_ADDRESS),
    ...lower !== undefined && { physical: parseNumber("--server", lower, MAX_ADDRESS) },
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
