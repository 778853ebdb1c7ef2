/** A DLMS meter for tests: a clock, registers, a profile, a switch, and an association for each way to sign on. @module */
import {
  array,
  captureObjectsData,
  CLOCK_COLUMN,
  countFrom,
  type Credentials,
  type Data,
  dateTimeOf,
  encodeDateTime,
  fromHex,
  integer,
  type Keys,
  type Meter,
  type MeterObject,
  octetString,
  publicKeyOf,
  type ServedAssociation,
  structure,
} from "../../src/dlms/mod.ts";

export const CLIENT_TITLE = fromHex("4D4D4D0000000001");
export const METER_TITLE = fromHex("4D4D4D0000BC614E");
export const SECRET = new TextEncoder().encode("12345678");
export const CHALLENGE = new TextEncoder().encode("K56iVagYK56iVagY");
const METER_CHALLENGE = new TextEncoder().encode("P6wRJ21FP6wRJ21F");

/** Keys of a suite. */
export function keys(suite: 0 | 1 | 2): Keys {
  const octets = (first: number) => Uint8Array.from({ length: suite === 2 ? 32 : 16 }, (_, at) => first + at);
  return { suite, encryption: octets(0), authentication: octets(0xd0) };
}

const CLIENT_KEY = {
  curve: "P-256",
  secret: fromHex("418073C239FA6125011DE4D6CD2E645780289F761BB21BFB0835CB5585E8B373"),
} as const;
const METER_KEY = {
  curve: "P-256",
  secret: fromHex("AE55414FFE079F9FC95649536BD1C2B5653D200813727E07D501A8B550C69207"),
} as const;

/** What a client brings, and what the meter has for it. */
export interface Login {
  readonly name: string;
  readonly client: number;
  readonly credentials: Credentials;
  readonly served: ServedAssociation["credentials"];
}

/** Every way to sign on, by the client's number. */
export const LOGINS: readonly Login[] = [
  { name: "none", client: 16, credentials: { mechanism: "none" }, served: { mechanism: "none" } },
  login("low", 17, { mechanism: "low", password: SECRET }),
  ...(["manufacturer", "md5", "sha1", "sha256"] as const).map((mechanism, at) =>
    login(mechanism, 18 + at, { mechanism, secret: SECRET, challenge: CHALLENGE })
  ),
  login("gmac", 22, { mechanism: "gmac", keys: keys(0), challenge: CHALLENGE }),
  {
    ...{ name: "ecdsa", client: 23 },
    credentials: { mechanism: "ecdsa", signing: CLIENT_KEY, verifying: publicKeyOf(METER_KEY), challenge: CHALLENGE },
    served: { mechanism: "ecdsa", signing: METER_KEY, verifying: publicKeyOf(CLIENT_KEY), challenge: METER_CHALLENGE },
  },
];

function login(name: string, client: number, credentials: Extract<Credentials, { mechanism: string }>): Login {
  const served = "challenge" in credentials ? { ...credentials, challenge: METER_CHALLENGE } : credentials;
  return { name, client, credentials, served };
}

/** Quarter hours from this instant on. */
export const PROFILE_START = Date.UTC(2024, 2, 1);

/** A profile of quarter hours of which each second row leaves out its time. */
export function profileRows(count: number): Data {
  return array(Array.from({ length: count }, (_, at) => {
    const time = octetString(encodeDateTime(dateTimeOf(PROFILE_START + at * 900_000, -60)));
    const stamp: Data = at % 2 === 0 ? time : { type: "null-data" };
    return structure(stamp, integer("unsigned", 0), integer("double-long-unsigned", 100_000 + at));
  }));
}

const register = (name: string, baseName: number, value: Data, scaler: number, unit: number): MeterObject => ({
  ...{ classId: 3, name, baseName },
  attributes: { 2: value, 3: structure(integer("integer", scaler), integer("enum", unit)) },
});

export const ENERGY = "1-0:1.8.0*255";
export const PROFILE = "1-0:99.1.0*255";

/** The objects, anew for each meter, as clients may write into them. */
export function objects(rows = 12): MeterObject[] {
  const columns = [
    CLOCK_COLUMN,
    { classId: 1, name: "0-0:96.10.1*255", attribute: 2, index: 0 },
    { classId: 3, name: ENERGY, attribute: 2, index: 0 },
  ];
  return [
    {
      ...{ classId: 8, name: "0-0:1.0.0*255", baseName: 0x2bc0, writable: [2] },
      attributes: {
        2: octetString(encodeDateTime(dateTimeOf(Date.UTC(2024, 2, 30, 9, 30), -60))),
        3: integer("long", -60),
      },
    },
    {
      classId: 1,
      name: "0-0:42.0.0*255",
      baseName: 0xfd00,
      attributes: { 2: octetString(new TextEncoder().encode("OBI1234567890123")) },
    },
    { classId: 1, name: "0-0:43.1.0*255", baseName: 0x3000, attributes: { 2: integer("double-long-unsigned", 4711) } },
    register(ENERGY, 0x1000, integer("double-long-unsigned", 100_000), 1, 30),
    register("1-0:32.7.0*255", 0x1100, integer("long-unsigned", 2337), -1, 35),
    {
      ...{ classId: 7, version: 1, name: PROFILE, baseName: 0x1200 },
      attributes: {
        2: profileRows(rows),
        3: captureObjectsData(columns),
        4: integer("double-long-unsigned", 900),
        7: integer("double-long-unsigned", rows),
        8: integer("double-long-unsigned", 5952),
      },
    },
    {
      ...{ classId: 1, name: "0-0:96.1.9*255", baseName: 0x3100, writable: [2], hidden: [3] },
      attributes: { 2: octetString(new Uint8Array(2)), 3: octetString(SECRET) },
    },
    {
      ...{
        classId: 70,
        name: "0-0:96.3.10*255",
        baseName: 0x3200,
        attributes: { 2: { type: "boolean", value: true } },
      },
      act: (method) => ({ result: method === 1 ? 0 : 3 }),
    },
  ];
}

/** Changes to a test meter. */
export interface TestMeterOptions
  extends Pick<ServedAssociation, "names" | "blockOctets" | "maxPduOctets" | "generalBlocks"> {
  readonly ciphering?: NonNullable<ServedAssociation["ciphering"]>;
  readonly rows?: number;
  readonly selects?: boolean;
}

/** A meter that takes every login. */
export function testMeter({ rows, selects = true, ...association }: TestMeterOptions = {}): Meter {
  const associations = LOGINS.map(({ client, served }) => ({ client, credentials: served, ...association }));
  return { title: METER_TITLE, objects: objects(rows), associations, selects };
}

/** Both ends of a ciphered association. */
export function cipheringOf(suite: 0 | 1 | 2, first = 1): {
  readonly client: NonNullable<ServedAssociation["ciphering"]>;
  readonly meter: NonNullable<ServedAssociation["ciphering"]>;
} {
  return {
    client: { keys: keys(suite), title: CLIENT_TITLE, counter: countFrom(first) },
    meter: { keys: keys(suite), title: METER_TITLE, counter: countFrom(0x100) },
  };
}
