/** `deno task torture [NAME…] [--count N] [--seed N]`: what the suite tries in short, as long as it takes. @module */
import { parseArgs } from "node:util";
import { formatTable } from "../bench/table.ts";
import { fuzz } from "./fuzz.ts";
import { kill } from "./kill.ts";
import { model } from "./model.ts";
import { outage } from "./outage.ts";
import { reload } from "./reload.ts";
import { soak } from "./soak.ts";
import type { Row, Trial } from "./trial.ts";
import { wal } from "./wal.ts";

const TRIALS: readonly Trial[] = [fuzz, model, wal, outage, kill, reload, soak];

const encoder = new TextEncoder();
const say = (text: string) => void Deno.stderr.writeSync(encoder.encode(text));

/** Says how to call it, and leaves. */
function usage(problem: string): never {
  say(`${problem}. There are:\n`);
  for (const { name, summary } of TRIALS) say(`  ${name.padEnd(8)} ${summary}\n`);
  Deno.exit(64);
}

/** A whole number that an option gives, or what stands for it. */
function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  return /^\d{1,10}$/.test(text) ? Number(text) : usage(`"${text}" is no number`);
}

const { values, positionals } = parseArgs({
  args: Deno.args,
  options: { count: { type: "string" }, seed: { type: "string" } },
  allowPositionals: true,
});
const unknown = positionals.find((name) => !TRIALS.some((trial) => trial.name === name));
if (unknown !== undefined) usage(`There is no trial "${unknown}"`);
const seed = numberOf(values.seed, crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1);
const chosen = positionals.length === 0 ? TRIALS : TRIALS.filter(({ name }) => positionals.includes(name));

const rows: Row[] = [];
let failed = false;
for (const { name, summary, run } of chosen) {
  say(`${name}: ${summary}, seed ${seed}\n`);
  try {
    rows.push(...await run({ seed, say, ...values.count !== undefined && { count: numberOf(values.count, 0) } }));
  } catch (error) {
    failed = true;
    say(`${name} broke it (again by --seed ${seed}): ${(error as Error).message}\n`);
    if ((error as Error).cause instanceof Error) say(`${((error as Error).cause as Error).stack}\n`);
  }
}
Deno.stdout.writeSync(encoder.encode(formatTable(rows)));
Deno.exit(failed || rows.some(({ met }) => met === false) ? 1 : 0);
