/** Whole sessions with a DLMS meter that does what no meter should, over a transport, in simulated time. @module */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Dialogue, Inbox } from "../src/dialogue.ts";
import {
  associated,
  type AssociationOptions,
  Client,
  dlmsReadout,
  findFrame,
  hdlcAddress,
  HdlcLink,
  type Meter,
  ValueReader,
  wrapperLink,
} from "../src/dlms/mod.ts";
import { isOfMeterOrWire } from "../src/errors.ts";
import { converse } from "../src/session.ts";
import { cipheringOf, ENERGY, LOGINS, PROFILE, testMeter } from "../test/support/dlms_meter.ts";
import { FakeClock } from "../test/support/fake_clock.ts";
import { damaged, damages } from "./damage.ts";
import { type Carrier, dlmsMeter, LINES, MESSAGES, type Scene } from "./hostile_dlms.ts";
import { HostileMeter, type Pace, type Reply } from "./hostile_meter.ts";
import { join } from "../src/bytes.ts";
import { type Tries, tryOut } from "./tries.ts";

/** What is asked of the meter. */
export type Question = "description" | "codes" | "lists" | "profile";

/** How a client signs on: plain, by a password, ciphered and authenticated. */
export type Login = "none" | "low" | "ciphered";

/** A session to be. */
export interface DlmsSession {
  readonly carrier: Carrier;
  readonly login: Login;
  readonly question: Question;
  readonly sceneOf: (n: number) => Scene;
  readonly pace: Pace;
}

/** How it ended. Facts are what was brought home: `code text unit`, or a row. */
export interface Ending {
  readonly facts: readonly string[];
  readonly error?: Error;
  readonly atMs: number;
  readonly taken: number;
}

/** How many sessions brought something home, and how many were given up after a quarter of an hour, as the collector does. */
export interface SessionTally {
  tries: number;
  taken: number;
  abandoned: number;
}

const SESSION_MS = 15 * 60_000;
const SIGN_OFF_MS = 5000;
/** A value has 16 MiB at most, in blocks of which each is checked; what is pushed meanwhile is thrown away. */
const MOST_BYTES = 64 << 20;
/** An error that is longer than this says more than anybody reads. */
const WORDS = 2000;
const CODES: readonly (readonly [name: string, classId: number])[] = [
  ...[[ENERGY, 3], ["1-0:32.7.0*255", 3], ["0-0:43.1.0*255", 1], ["0-0:1.0.0*255", 8]] as const,
];

/** One session, and that it ended as a session must: in time, in words, having taken no more than it must. */
export async function readHostile({ carrier, login, question, sceneOf, pace }: DlmsSession): Promise<Ending> {
  const [options, sound] = dlmsEnds(login);
  const clock = new FakeClock();
  const meter = new HostileMeter(clock, pace, dlmsMeter(sound, carrier, sceneOf));
  const limit = new AbortController();
  const over = new DOMException("took too long", "TimeoutError");
  clock.sleep(SESSION_MS, limit.signal).then(() => limit.abort(over), () => {});
  const facts: string[] = [];
  const dialogue = askHostile(carrier, options, question, facts);
  const session = converse(meter, dialogue, { signal: limit.signal, clock });
  const error = await clock.run(session.then(() => undefined, (error: unknown) => error));
  limit.abort();
  const atMs = clock.now();
  assert(atMs <= SESSION_MS + SIGN_OFF_MS, `the session took ${atMs} ms`);
  assert(meter.taken <= MOST_BYTES, `${meter.taken} octets were taken`);
  assert(carrier === "wrapper" || meter.lost || isDisconnect(meter.sent.at(-1)), "the meter is not disconnected");
  if (error === undefined) return { facts, atMs, taken: meter.taken };
  if (!isOfMeterOrWire(error)) throw error;
  const { message } = error as Error;
  assert(message !== "" && message.length <= WORDS, `says ${message.length} letters: ${message.slice(0, 200)}`);
  return { facts, error: error as Error, atMs, taken: meter.taken };
}

/** What a client brings to sign on, and the meter that takes it. */
export function dlmsEnds(login: Login): readonly [AssociationOptions, Meter] {
  const { client, credentials } = LOGINS.find(({ name }) =>
    name === { none: "none", low: "low", ciphered: "gmac" }[login]
  )!;
  if (login !== "ciphered") return [{ client, credentials }, testMeter()];
  const both = cipheringOf(0);
  return [{ client, credentials, ciphering: both.client }, testMeter({ ciphering: both.meter })];
}

/** Asks; `facts` fills as they come: also those of a session that is broken off count. */
export function* askHostile(
  carrier: Carrier,
  options: AssociationOptions,
  question: Question,
  facts: string[],
): Dialogue<void> {
  const { client } = options;
  const propose = { maxSend: 64, maxReceive: 64, windowSend: 1, windowReceive: 3 };
  const link = carrier === "wrapper"
    ? wrapperLink(new Inbox(), { client, server: 1 })
    : new HdlcLink(new Inbox(), { client: hdlcAddress(client), server: hdlcAddress(1, 17), propose });
  yield* associated(link, options, function* (association) {
    const client = new Client(association);
    if (question === "profile") {
      yield* new ValueReader(client).profile(PROFILE, { kind: "all" }, ({ atMs, values }) => {
        facts.push(`${atMs} ${values.map(({ text, unit }) => `${text} ${unit}`).join(", ")}`);
      });
      return;
    }
    const inLists = { known: new Map(CODES), lists: {} };
    const { block } = yield* dlmsReadout(client, {
      ...question !== "description" && { names: CODES.map(([name]) => name) },
      ...question === "lists" && inLists,
    });
    for (const { address, values } of block.sets) {
      for (const { text, unit } of values) facts.push(`${address} ${text} ${unit}`);
    }
  });
}

function isDisconnect(octets: Uint8Array | undefined): boolean {
  return octets !== undefined && findFrame()(octets)?.value.control.kind === "DISC";
}

const SOUND: Scene = {};
const PACE: Pace = { piece: 4096, gapMs: 1 };

/** What a sound meter says. */
export async function truth(question: Question): Promise<ReadonlySet<string>> {
  const { facts } = await readHostile({ carrier: "hdlc", login: "none", question, sceneOf: () => SOUND, pace: PACE });
  assert(facts.length > 0);
  return new Set(facts);
}

/** A scene, and whether a client could know that its message is not the meter's own. */
interface Plotted {
  readonly scene: Scene;
  /** The check sequences of HDLC tell; else only a cipher does. */
  readonly isChecked: boolean;
}

const then = fc.constantFrom<Reply["then"]>(...Array<"silence">(12).fill("silence"), "hang up", "for ever");
const plotted: fc.Arbitrary<Plotted> = fc.oneof(
  fc.constantFrom(...Object.values(MESSAGES)).map((message) => ({ scene: { message }, isChecked: false })),
  fc.tuple(fc.constantFrom(...Object.values(LINES)), then).map(([octets, then]) => {
    return { scene: { octets, then }, isChecked: false };
  }),
  damages.map((faults) => ({ scene: { message: (apdu: Uint8Array) => damaged(apdu, faults) }, isChecked: false })),
  fc.tuple(damages, then).map(([faults, then]) => ({
    scene: { octets: (sent: readonly Uint8Array[]) => damaged(join(...sent), faults), then },
    isChecked: true,
  })),
  fc.constant({ scene: SOUND, isChecked: true }),
);
const plot = fc.record({
  carrier: fc.constantFrom<Carrier>("hdlc", "hdlc", "wrapper"),
  login: fc.constantFrom<Login>("none", "low", "ciphered", "ciphered"),
  question: fc.constantFrom<Question>("description", "codes", "lists", "profile"),
  /** Answers that are as they should be, and then these; the last one for ever, or all is well again. */
  prelude: fc.nat(12),
  scenes: fc.array(plotted, { minLength: 1, maxLength: 3 }),
  lasts: fc.boolean(),
  pace: fc.record({ piece: fc.constantFrom(7, 64, 4096), gapMs: fc.constantFrom(100, 400, 1100) }),
});

/** Sessions by chance: each ends in time and in words, and where a check could tell, nothing is brought home but the truth. */
export async function fuzzDlmsSessions(tries: Tries): Promise<SessionTally> {
  const tally: SessionTally = { tries: 0, taken: 0, abandoned: 0 };
  const truths = {
    description: await truth("description"),
    codes: await truth("codes"),
    lists: await truth("lists"),
    profile: await truth("profile"),
  };
  const property = fc.asyncProperty(plot, async ({ prelude, scenes, lasts, ...session }) => {
    const sceneOf = (n: number) => {
      const at = n - prelude;
      return (at < 0 ? undefined : scenes[lasts ? Math.min(at, scenes.length - 1) : at])?.scene ?? SOUND;
    };
    const { facts, error } = await readHostile({ ...session, sceneOf });
    tally.tries++;
    if (facts.length > 0) tally.taken++;
    if (error?.name === "TimeoutError") tally.abandoned++;
    const isChecked = session.carrier === "hdlc" && scenes.every(({ isChecked }) => isChecked);
    if (session.login !== "ciphered" && !isChecked) return;
    const invented = facts.find((fact) => !truths[session.question].has(fact));
    assert(invented === undefined, `invented: ${invented}`);
  });
  await tryOut(property, tries);
  return tally;
}
