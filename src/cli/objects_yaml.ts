/** A meter's description as a configuration with which `obisd run` reads it. @module */
import { resolve } from "node:path";
import type { DescribedObject } from "../dlms/mod.ts";
import type { DlmsSettings } from "../dlms_settings.ts";
import { readObis } from "../obis/code.ts";
import { quantityOf } from "../obis/quantities.ts";
import { formatEndpoint } from "../transport/endpoint.ts";
import type { Arguments } from "./command.ts";
import { DLMS_DEFAULTS, dlmsSettings } from "./dlms.ts";
import type { Target } from "./target.ts";

/** Which meter it is, as most can say it. */
const DEVICE_NAME = "0-0:42.0.0*255";

/** Options of `dlms:` by the settings that they make. */
const OPTIONS: Readonly<Partial<Record<keyof DlmsSettings, string>>> = {
  opening: "opening",
  client: "client",
  server: "server",
  physical: "physical",
  addressOctets: "address_octets",
  frameOctets: "frame_octets",
  names: "names",
  auth: "auth",
  security: "security",
  suite: "suite",
  cipher: "cipher",
  clientTitle: "client_title",
  meterTitle: "meter_title",
  meterKey: "meter_key",
  readCounter: "read_counter",
  signOff: "sign_off",
  generalBlocks: "general_blocks",
  acceptUnproven: "accept_unproven",
};

/** Secrets of `dlms:` by their options on the command line. */
const SECRETS = {
  "encryption-key": "encryptionKey",
  "authentication-key": "authenticationKey",
  "signing-key": "signingKey",
} as const;

/** The whole file; what has no value is left out. Secrets are named as the command line named them. */
export function configurationOf(
  described: readonly DescribedObject[],
  target: Target,
  args: Arguments,
  nowMs: number,
): string {
  const { values } = args;
  const name = target.name ?? "meter-1";
  const readable = described.filter(({ value }, at) =>
    value !== undefined && described.findIndex((other) => other.name === described[at]!.name) === at
  );
  const device = readable.find((object) => object.name === DEVICE_NAME)?.value?.text;
  const password = secretOf(values.password, target.password, `${name}-password`);
  return [
    `# ${name}, as it describes itself: written by obisd objects on ${new Date(nowMs).toISOString().slice(0, 10)}.`,
    "# Delete what is not wanted, say where readings go, then: obisd check -c FILE.",
    "lines:",
    `  line-1: { url: ${JSON.stringify(formatEndpoint(target.endpoint) + queryOf(args))} }`,
    "meters:",
    `  - name: ${JSON.stringify(name)}`,
    "    line: line-1",
    ...target.address === undefined ? [] : [`    address: ${JSON.stringify(target.address)}`],
    "    mode: E",
    "    every: 15m",
    ...device ? [`    expect: { ${JSON.stringify(DEVICE_NAME)}: ${JSON.stringify(device)} }`] : [],
    ...password === undefined ? [] : [`    password: ${password}`],
    ...settings(target, args, name),
    "    obis:",
    ...readable.map(({ name, value }) => `      - ${JSON.stringify(name)} # ${noteOf(name, value!)}`),
    "sinks:",
    "  - { type: stdout }",
  ].join("\n");
}

/** The endpoint's options as they were written. */
function queryOf({ positionals: [what = ""] }: Arguments): string {
  const at = what.indexOf("?");
  return at < 0 ? "" : what.slice(at);
}

function settings(target: Target, { values }: Arguments, name: string): string[] {
  const given = dlmsSettings(values, target);
  const lines = Object.entries(OPTIONS).flatMap(([key, option]) => {
    const value = given[key as keyof DlmsSettings];
    const usual = DLMS_DEFAULTS[key as keyof DlmsSettings];
    return value === undefined || value === usual ? [] : [`      ${option}: ${JSON.stringify(value)}`];
  });
  const secrets = Object.entries(SECRETS).flatMap(([option, key]) => {
    const where = secretOf(values[option], target.dlms?.[key], `${name}-${option}`);
    return where === undefined ? [] : [`      ${option.replace("-", "_")}: ${where}`];
  });
  return lines.length + secrets.length === 0 ? [] : ["    dlms:", ...lines, ...secrets];
}

/** Where the secret comes from; what was typed in gets the name of a credential. */
function secretOf(where: unknown, configured: (() => string) | undefined, credential: string): string | undefined {
  if (where === undefined) return configured && JSON.stringify(configured);
  const [, kind, place = ""] = /^(env|file):(.+)$/s.exec(String(where)) ?? [];
  if (kind === "env") return JSON.stringify({ env: place });
  return JSON.stringify(kind === "file" ? { file: resolve(place) } : { credential });
}

function noteOf(name: string, { text, unit }: NonNullable<DescribedObject["value"]>): string {
  const short = text.length > 30 ? `${text.slice(0, 29)}…` : text;
  return [quantityName(name), `${short} ${unit}`.trim()].filter((part) => part !== "").join(", ").replace(/\s+/g, " ");
}

/** The key of the quantity, as in readings. */
export function quantityName(name: string): string {
  const code = readObis(name);
  return code ? quantityOf(code).name : "";
}
