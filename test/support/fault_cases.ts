/** Tables of faults and what `obisd read` makes of each: the exit code, what is said, and never a digit that the meter did not say. @module */
import assert from "node:assert/strict";
import { withoutHaste } from "./hasty_clock.ts";
import { type Outcome, type Reading, readMeter, SAID, textsOf } from "./read_meter.ts";

/** The mode, the faults, the exit code, what is said, and what else is special. */
export type Case = [mode: Reading["mode"], faults: string, code: number, said: RegExp, more?: Reading];

/** Nothing worth a word; over TCP that nobody knows its speed. */
export const NOTHING = /^$|the change to .* is up to the converter/;

/** What holds whatever happens. */
function assertHonest({ code, out, seen, err }: Outcome, mode: Reading["mode"], identified: boolean): void {
  assert.deepEqual(textsOf(out), code === 0 ? SAID : [], `digits as said, or none: ${out}${err}`);
  assert.ok(seen.messages <= 3, `${seen.messages} data messages were asked for`);
  assert.ok(seen.naks <= 2, `${seen.naks} NAKs`);
  if (mode === "C" && identified && code !== 74) assert.ok(seen.breaks > 0, "no break");
}

async function tryCase([mode, faults, code, said, more = {}]: Case, link?: string): Promise<void> {
  const where = link === undefined ? {} : { link };
  const outcome = await readMeter({
    ...mode && { mode },
    faults: faults.split(",").filter((fault) => fault !== ""),
    ...where,
    ...more,
  });
  assert.equal(outcome.code, code, outcome.err);
  assert.match(outcome.err, said);
  assertHonest(outcome, mode, faults !== "garbage:ident" && outcome.seen.sessions > 0);
}

/** For tests whose cases run at once. */
export const AT_ONCE = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };

/**
 * Runs all cases of a table at once, for most of their time is silence. On a busy host some cannot keep up with the hasty
 * clock: those that fail run again, alone and without haste, and that counts.
 */
export async function tryAll(test: Deno.TestContext, cases: readonly Case[], folder?: string): Promise<void> {
  const link = (index: number) => folder === undefined ? undefined : `${folder}/${index}`;
  const atOnce = await Promise.allSettled(cases.map((its, index) => tryCase(its, link(index))));
  for (const [index, its] of cases.entries()) {
    const name = `mode ${its[0] ?? "auto"}, ${its[1] || "no fault"}${its[4]?.query ?? ""}: ${its[2]}`;
    await test.step({
      name,
      fn: async () => {
        if (atOnce[index]!.status === "rejected") await withoutHaste(() => tryCase(its, link(index)));
      },
      ...AT_ONCE,
    });
  }
}
