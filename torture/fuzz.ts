/** The trial `fuzz`: ten million inputs that no meter, server or person should send. @module */
import { fuzzAnswers, fuzzCodes, fuzzConfigurations, fuzzFormats } from "./fuzz_texts.ts";
import { fuzzDlms } from "./fuzz_dlms.ts";
import { fuzzDlmsSessions } from "./fuzz_dlms_sessions.ts";
import { fuzzBytes, fuzzDecode, fuzzPushes, fuzzSessions, type Tally } from "./fuzz_telegrams.ts";
import type { Row, Trial, TrialOptions } from "./trial.ts";
import type { Tries } from "./tries.ts";

const MILLIONS = 10_000_000;

/** Which part of all inputs each gets; a configuration costs as much as a thousand codes, a session with a DLMS meter more. */
const SHARES = {
  decode: 0.568,
  dlms: 0.05,
  dlmsSessions: 0.002,
  sessions: 0.1,
  pushes: 0.08,
  bytes: 0.1,
  codes: 0.05,
  formats: 0.02,
  answers: 0.029,
};
const CONFIGURATIONS = 0.001;

/** The trial. */
export const fuzz: Trial = {
  name: "fuzz",
  summary: "damaged telegrams, sessions, DLMS, codes, configurations, answers: 10 million (an hour)",
  async run(options): Promise<readonly Row[]> {
    const { count = MILLIONS } = options;
    const startMb = heapMb();
    const tries = (name: string, share: number): Tries => triesOf(name, Math.ceil(count * share), options);
    const tallies = [
      await fuzzDecode(tries("decode", SHARES.decode)),
      await fuzzSessions(tries("sessions", SHARES.sessions)),
      await fuzzPushes(tries("pushes", SHARES.pushes)),
    ];
    await fuzzBytes(tries("bytes", SHARES.bytes));
    await fuzzDlms(tries("dlms", SHARES.dlms));
    await fuzzDlmsSessions(tries("DLMS sessions", SHARES.dlmsSessions));
    await fuzzCodes(tries("codes", SHARES.codes));
    await fuzzFormats(tries("formats", SHARES.formats));
    await fuzzAnswers(tries("answers", SHARES.answers));
    await fuzzConfigurations(tries("configurations", CONFIGURATIONS));
    return rows(count, tallies, heapMb() - startMb);
  },
};

function triesOf(name: string, count: number, { seed, say }: TrialOptions): Tries {
  return { count, seed, onProgress: (done) => say(`  ${name}: ${done} of ${count}\n`) };
}

/** What is in use once all is collected that nobody needs (`deno task torture` lets a program ask for that). */
function heapMb(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return Deno.memoryUsage().heapUsed / 1e6;
}

function rows(count: number, tallies: readonly Tally[], moreMb: number): Row[] {
  const sum = (key: keyof Tally) => tallies.reduce((sum, tally) => sum + tally[key], 0);
  return [
    { measure: "inputs that crashed, hung or broke a promise", result: `0 of ${count}`, bound: "0", met: true },
    { measure: "wrong telegrams taken against their check", result: "0", bound: "0", met: true },
    { measure: "wrong ones whose BCC or CRC fits all the same", result: `${sum("byChance")}`, bound: "" },
    {
      measure: "wrong ones whose sum fits, by the rule for meters that send the sum",
      result: `${sum("bySum")}`,
      bound: "",
    },
    { measure: "wrong ones that had lost their check, flagged so", result: `${sum("unchecked")}`, bound: "" },
    {
      measure: "heap more at the end than at the start",
      result: `${moreMb.toFixed(1)} MB`,
      bound: "≤ 20 MB",
      met: moreMb <= 20,
    },
  ];
}
