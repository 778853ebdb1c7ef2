/** `deno task bench [NAME…]`: the measures of docs/measures.md, of this run on this machine. @module */
import { cpu } from "./cpu.ts";
import { decode } from "./decode.ts";
import { dlms } from "./dlms.ts";
import { footprint } from "./footprint.ts";
import { profile } from "./profile.ts";
import { journal } from "./journal.ts";
import { ptyReadout } from "./pty_readout.ts";
import { registers } from "./registers.ts";
import { thousand } from "./thousand.ts";
import { formatTable, type Measure, type Row } from "./table.ts";

const MEASURES: readonly Measure[] = [ptyReadout, registers, profile, cpu, decode, dlms, thousand, footprint, journal];

const encoder = new TextEncoder();
const say = (text: string) => Deno.stderr.writeSync(encoder.encode(text));

/** The measures asked for, or all. */
function chosen(names: readonly string[]): readonly Measure[] {
  const unknown = names.filter((name) => !MEASURES.some((measure) => measure.name === name));
  if (unknown.length === 0) return names.length === 0 ? MEASURES : MEASURES.filter(({ name }) => names.includes(name));
  say(`There is no measure ${unknown.join(", ")}. There are:\n`);
  for (const { name, summary } of MEASURES) say(`  ${name.padEnd(10)} ${summary}\n`);
  Deno.exit(64);
}

const rows: Row[] = [];
let failed = false;
for (const { name, summary, run } of chosen(Deno.args)) {
  say(`${name}: ${summary}\n`);
  try {
    rows.push(...await run());
  } catch (error) {
    failed = true;
    say(`${name} could not be measured: ${(error as Error).message}\n`);
  }
}
Deno.stdout.writeSync(encoder.encode(formatTable(rows)));
Deno.exit(failed ? 1 : 0);
