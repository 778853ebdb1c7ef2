/** Damaged telegrams through the decoder and through whole sessions: nothing crashes, hangs, or is taken for right. @module */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Inbox } from "../src/dialogue.ts";
import { isOfMeterOrWire } from "../src/errors.ts";
import { ACK, decodeTelegrams, listen, readout, SOH } from "../src/iec62056/mod.ts";
import { converse } from "../src/session.ts";
import type { DataSet, Telegram } from "../src/telegram.ts";
import { FakeClock } from "../test/support/fake_clock.ts";
import { type Damage, damaged, damages } from "./damage.ts";
import { type Behaviour, HostileMeter, type Reply, textMeter } from "./hostile_meter.ts";
import { recordings, specimens } from "./specimens.ts";
import { assertReadable, checkThatFits, hasCheckCharacter, sameSets } from "./truth.ts";
import { type Tries, tryOut } from "./tries.ts";

/** What became of the telegrams that were taken although they no longer said what the meter had said. */
export interface Tally {
  /** Inputs so far. */
  tries: number;
  /** Telegrams that were taken for whole and right. */
  taken: number;
  /** Among them wrong ones whose check fits the damaged bytes: one of 128 does, by chance. */
  byChance: number;
  /** Likewise by the sum, in two messages of a session. */
  bySum: number;
  /** Wrong ones that had lost their check: delivered with a flag that says so. */
  unchecked: number;
}

/** An empty one. */
export const newTally = (): Tally => ({ tries: 0, taken: 0, byChance: 0, bySum: 0, unchecked: 0 });

/** A decoder that takes longer than this for one input of some kB hangs. */
const HANG_MS = 10_000;
/** A session is aborted after this, as the collector does. */
const SESSION_MS = 15 * 60_000;
/** Signing off, and the last answer's way. */
const SIGN_OFF_MS = 5000;
/** Three sign-ons and three data messages, each at its limit, and a piece more. */
const MOST_BYTES = 4 * (8 + 256 + 64) * 1024;

const SPECIMENS = specimens();
const RECORDINGS = recordings();

/** Damaged files and telegrams through `decode`. */
export async function fuzzDecode(tries: Tries): Promise<Tally> {
  const tally = newTally();
  const input = fc.tuple(fc.nat(SPECIMENS.length - 1), fc.nat(3), damages);
  const property = fc.property(input, ([at, form, faults]) => {
    const specimen = SPECIMENS[at]!;
    const bytes = [RECORDINGS[at % RECORDINGS.length]!, specimen.recorded, specimen.p1, specimen.push][form]!;
    tally.tries++;
    for (const telegram of decode(damaged(bytes, faults))) {
      assertReadable(telegram);
      if (form === 1 || form === 2) judge(telegram, specimen.sets, tally);
    }
  });
  await tryOut(property, tries);
  return tally;
}

/** Bytes that nobody ever meant to be a telegram, and long ones. */
export async function fuzzBytes(tries: Tries): Promise<Tally> {
  const tally = newTally();
  const mark = fc.constantFrom(
    "/",
    "!",
    "(",
    ")",
    "\r\n",
    "\x02",
    "\x03A",
    "\x04",
    "/ABC5",
    "*",
    "1.8.0",
    "\x06050",
    "&",
  );
  const pieces = fc.array(fc.oneof(mark, fc.string({ maxLength: 6, unit: "binary-ascii" })), { maxLength: 40 });
  const property = fc.property(pieces, fc.nat(200), (parts, times) => {
    tally.tries++;
    const bytes = new TextEncoder().encode(parts.join("").repeat(times > 190 ? times : 1));
    decode(bytes).forEach(assertReadable);
  });
  await tryOut(property, tries);
  return tally;
}

function decode(bytes: Uint8Array): readonly Telegram[] {
  const startMs = performance.now();
  const telegrams = decodeTelegrams(bytes);
  if (performance.now() - startMs > HANG_MS) {
    assert.fail(`${bytes.length} bytes take ${performance.now() - startMs} ms`);
  }
  return telegrams;
}

/** Whole sessions with a hostile meter, over a transport, in simulated time. */
export async function fuzzSessions(tries: Tries): Promise<Tally> {
  const tally = newTally();
  const property = fc.asyncProperty(fc.nat(SPECIMENS.length - 1), plot, async (at, plot) => {
    const specimen = SPECIMENS[at]!;
    const line = new TextEncoder().encode(specimen.identification.line + "\r\n");
    const behaviour: Behaviour = {
      ...plot,
      identifications: plot.identifications.map((scene) => play(scene, line)),
      data: plot.data.map((scene) => play(scene, specimen.answer)),
    };
    tally.tries++;
    const telegram = await readFrom(behaviour);
    if (!telegram) return;
    tally.taken++;
    assertReadable(telegram);
    const isUnchecked = telegram.check.result === "absent";
    assert(!isUnchecked || !hasCheckCharacter(telegram.bytes), "taken without a look at its check character");
    judge(telegram, specimen.sets, tally);
  });
  await tryOut(property, tries);
  return tally;
}

/** What a meter makes of what it ought to say. */
interface Scene {
  readonly faults: readonly Damage[];
  readonly instead?: Uint8Array;
  readonly then: Reply["then"];
}

const then = fc.constantFrom<Reply["then"]>(...Array<"silence">(12).fill("silence"), "hang up", "for ever");
const scene: fc.Arbitrary<Scene> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ faults: damages, then }) },
  { weight: 3, arbitrary: fc.constant<Scene>({ faults: [], then: "silence" }) },
  { weight: 1, arbitrary: fc.record({ faults: fc.constant([]), instead: fc.uint8Array({ maxLength: 300 }), then }) },
  {
    weight: 1,
    arbitrary: fc.constant<Scene>({
      faults: [],
      instead: new TextEncoder().encode("\x02(ER01)\x03\x45"),
      then: "silence",
    }),
  },
);
const sound = fc.constant<Scene>({ faults: [], then: "silence" });
const plot = fc.record({
  identifications: fc.oneof(
    { weight: 5, arbitrary: sound.map((one) => [one]) },
    fc.array(scene, { minLength: 1, maxLength: 3 }),
  ),
  data: fc.array(scene, { minLength: 1, maxLength: 4 }),
  piece: fc.constantFrom(16, 128, 1024, 4096),
  gapMs: fc.constantFrom(1, 20, 1400, 1600),
  hasty: fc.boolean(),
});

function play({ faults, instead, then }: Scene, truth: Uint8Array): Reply {
  return { bytes: instead ?? damaged(truth, faults), then };
}

/** One session, and that it ended as a session must. */
async function readFrom(behaviour: Behaviour): Promise<Telegram | undefined> {
  const clock = new FakeClock();
  const meter = new HostileMeter(clock, behaviour, textMeter(behaviour));
  const limit = new AbortController();
  const over = new DOMException("took too long", "TimeoutError");
  clock.sleep(SESSION_MS, limit.signal).then(() => limit.abort(over), () => {});
  const session = converse(meter, readout(), { signal: limit.signal, clock });
  const outcome = await clock.run(session.then((telegram) => ({ telegram }), (error: unknown) => ({ error })));
  limit.abort();
  assert(clock.now() <= SESSION_MS + SIGN_OFF_MS, `the session took ${clock.now()} ms`);
  assert(meter.taken <= MOST_BYTES, `${meter.taken} bytes were taken`);
  const last = (first: number) => meter.sent.findLastIndex((message) => message[0] === first);
  assert(meter.lost || last(ACK) < 0 || last(ACK) < last(SOH), "the meter is not signed off");
  if ("telegram" in outcome) return outcome.telegram;
  if (!isOfMeterOrWire(outcome.error)) throw outcome.error;
  return undefined;
}

/** Damaged pushes, one behind the other, to whoever listens. */
export async function fuzzPushes(tries: Tries): Promise<Tally> {
  const tally = newTally();
  const heard = fc.array(fc.tuple(fc.nat(SPECIMENS.length - 1), fc.boolean(), damages), { minLength: 1, maxLength: 3 });
  const property = fc.property(heard, fc.constantFrom(1, 7, 64, 4096), (pushes, piece) => {
    tally.tries++;
    const bytes = pushes.flatMap(([at, isP1, faults]) => [...damaged(SPECIMENS[at]![isP1 ? "p1" : "push"], faults)]);
    for (const telegram of listenTo(Uint8Array.from(bytes), piece)) {
      assertReadable(telegram);
      const said = pushes.map(([at]) => SPECIMENS[at]!.sets);
      if (telegram.check.kind === "crc" && telegram.check.result === "good") {
        judge(telegram, said.find((sets) => sameSets(sets, telegram.block.sets)) ?? said[0]!, tally);
      }
    }
  });
  await tryOut(property, tries);
  return tally;
}

function listenTo(bytes: Uint8Array, piece: number): Telegram[] {
  const inbox = new Inbox();
  const telegrams: Telegram[] = [];
  let at = 0;
  while (at < bytes.length) {
    const dialogue = listen(inbox);
    let step = dialogue.next();
    while (!step.done) {
      const arrival = { bytes: bytes.subarray(at, at + piece), atMs: 1 };
      if (step.value.kind === "receive" && arrival.bytes.length === 0) return telegrams;
      if (step.value.kind === "receive") at += piece;
      step = dialogue.next(arrival);
    }
    telegrams.push(step.value);
  }
  return telegrams;
}

/** Counts a telegram that was taken for right and is not. @throws {AssertionError} when its check would have told */
function judge(telegram: Telegram, truth: readonly DataSet[], tally: Tally): void {
  const { check: { result }, block: { sets } } = telegram;
  if (result === "wrong" || sameSets(sets, truth)) return;
  if (result === "absent") {
    tally.unchecked++;
    return;
  }
  const fits = checkThatFits(telegram);
  assert(fits, "taken for right, and no check fits");
  if (fits === "sum") tally.bySum++;
  else tally.byChance++;
}
