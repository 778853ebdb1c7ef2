/** A hundred thousand inputs that nobody should send: no crash, no hang, nothing taken for right that its check denies. */
import assert from "node:assert/strict";
import { fuzzDlms } from "../../torture/fuzz_dlms.ts";
import { fuzzBytes, fuzzDecode, fuzzPushes, fuzzSessions } from "../../torture/fuzz_telegrams.ts";
import { fuzzAnswers, fuzzCodes, fuzzConfigurations, fuzzFormats } from "../../torture/fuzz_texts.ts";

/** The same inputs each time; `deno task torture fuzz` takes others. */
const SEED = 20260115;
const tries = (count: number) => ({ count, seed: SEED });

Deno.test("decodeTelegrams: 60 000 damaged telegrams and 10 000 that never were one", async () => {
  const { byChance, unchecked } = await fuzzDecode(tries(60_000));
  assert(byChance > 0 && unchecked > 0, "the damage was too small to tell anything");
  await fuzzBytes(tries(10_000));
});

Deno.test("converse: 10 000 sessions with a meter that does what no meter should", async () => {
  const { taken } = await fuzzSessions(tries(10_000));
  assert(taken > 2000, "nearly all sessions failed: that tells nothing");
});

Deno.test("listen: 5 000 damaged pushes, whole and in pieces", async () => {
  await fuzzPushes(tries(5000));
});

Deno.test("decodeFrame, decodeData and the like: 5 000 damaged DLMS messages are understood or refused in words", async () => {
  const { understood, refused } = await fuzzDlms(tries(5000));
  assert(understood > 5000 && refused > 5000, `${understood} understood, ${refused} refused`);
});

Deno.test("parseObis, judge: 15 000 addresses and answers of servers that are none", async () => {
  await fuzzCodes(tries(10_000));
  await fuzzAnswers(tries(5000));
});

Deno.test("toCsv, toJson, toLine, Encoder: 2 000 odd readouts come back as they were", async () => {
  await fuzzFormats(tries(2000));
});

Deno.test("loadConfig: 400 files that are nearly a configuration end in faults with their places", async () => {
  await fuzzConfigurations(tries(400));
});
