/**
 * What a readout takes over the wire's own time: on a pseudo-terminal, from a simulated meter in another process that paces
 * its characters, 300 → 9600 Bd. What we send leaves a pseudo-terminal at once, so the time of the break is added.
 * @module
 */
import { readout } from "../src/iec62056/mod.ts";
import { REACTION_MS } from "../src/iec62056/modes.ts";
import { characterMs, SIGN_ON_LINE } from "../src/line.ts";
import { converse, type TraceEvent } from "../src/session.ts";
import { parseEndpoint } from "../src/transport/endpoint.ts";
import { openTransport } from "../src/transport/mod.ts";
import { startSimulator, temporaryFolder } from "./child.ts";
import { type Measure, median } from "./table.ts";
import { telegram } from "./telegram.ts";

const READOUTS = 5;

/** The measure `pty`. */
export const ptyReadout: Measure = {
  name: "pty",
  summary: "a readout on a pseudo-terminal over the wire's own time (20 s)",
  async run() {
    await using folder = await temporaryFolder();
    const file = `${folder.path}/telegram.txt`;
    await Deno.writeFile(file, telegram());
    const complaints: string[] = [];
    await using simulator = await startSimulator(
      [file, "--pty", `${folder.path}/meter`],
      (line) => complaints.push(line),
    );
    const readouts: Timed[] = [];
    for (let count = 0; count < READOUTS; count++) readouts.push(await timeReadout(simulator.endpoint));
    const ratio = median(readouts.map(({ wallMs, wireMs }) => wallMs / wireMs));
    const { wallMs, wireMs, how } = readouts.find(({ wallMs, wireMs }) => wallMs / wireMs === ratio)!;
    return [{
      measure: `readout of ${telegram().length} bytes, 300 → 9600 Bd, pseudo-terminal`,
      result: `${ms(wallMs)} over ${ms(wireMs)} = ${ratio.toFixed(4)} (${how})`,
      bound: "≤ 1.02",
      met: ratio <= 1.02,
    }, {
      measure: "complaints of the meter about line settings",
      result: complaints.length === 0 ? `none in ${READOUTS} readouts` : complaints.join("; "),
      bound: "none",
      met: complaints.length === 0,
    }];
  },
};

/** One readout and the wire's share of it. */
interface Timed {
  readonly wallMs: number;
  readonly wireMs: number;
  /** The sum, as a person would write it. */
  readonly how: string;
}

async function timeReadout(endpoint: string): Promise<Timed> {
  const signal = AbortSignal.timeout(60_000);
  await using transport = await openTransport(parseEndpoint(endpoint), { signal });
  const events: TraceEvent[] = [];
  const startMs = performance.now();
  await converse(transport, readout(), { signal, trace: (event) => events.push(event) });
  const endMs = performance.now();
  return { ...wireTime(events), wallMs: endMs - startMs + timeOfBreak(events) };
}

/**
 * Each byte that passed takes ten bits at the speed that the line had; and whoever answers leaves a reaction time before
 * its first character (6.4.3.6), which is once for each change of direction.
 */
function wireTime(events: readonly TraceEvent[]): { wireMs: number; how: string } {
  const bytesAt = new Map<number, number>();
  let [baud, turns, direction] = [SIGN_ON_LINE.baud, -1, ""];
  for (const event of events) {
    if (event.kind === "line") baud = event.settings.baud;
    if (event.kind !== "sent" && event.kind !== "received") continue;
    if (event.kind !== direction) turns++;
    direction = event.kind;
    bytesAt.set(baud, (bytesAt.get(baud) ?? 0) + event.bytes.length);
  }
  const characters = Array.from(bytesAt, ([baud, bytes]) => bytes * characterMs({ ...SIGN_ON_LINE, baud }));
  const terms = Array.from(bytesAt, ([baud, bytes]) => `${bytes} × 10 / ${baud}`);
  return {
    wireMs: characters.reduce((sum, ms) => sum + ms, turns * REACTION_MS),
    how: `${terms.join(" + ")} + ${turns} × ${REACTION_MS / 1000} s`,
  };
}

/** The last message that was sent: nothing waits for it on a pseudo-terminal. */
function timeOfBreak(events: readonly TraceEvent[]): number {
  const at = events.findLastIndex(({ kind }) => kind === "sent");
  const line = events.slice(0, at).findLast((event) => event.kind === "line");
  const sent = events[at];
  return sent?.kind === "sent" && line ? sent.bytes.length * characterMs(line.settings) : 0;
}

function ms(value: number): string {
  return `${(value / 1000).toFixed(3)} s`;
}
