/** Readings on the standard output: a table for people, JSON lines for programs. @module */
import * as z from "zod";
import { type Reading, type Sink, SinkError, type SinkPlugin, toJson, toTable } from "../../src/sink.ts";

const options = z.strictObject({});

/** The sink `stdout`. */
const stdout: SinkPlugin<z.output<typeof options>> = {
  type: "stdout",
  options,
  open(): Promise<Sink> {
    const terminal = Deno.stdout.isTerminal();
    return Promise.resolve({
      write: (readings) =>
        print(terminal ? table(readings) : readings.map((reading) => toJson(reading) + "\n").join("")),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
};
export default stdout;

function table(readings: readonly Reading[]): string {
  const { columns } = Deno.consoleSize(); // 0: a terminal without a size
  return toTable(readings, { colour: !Deno.noColor, ...columns > 0 && { width: columns } }) + "\n\n";
}

/** @throws {SinkError} `retry`, when nobody reads at the other end */
async function print(text: string): Promise<void> {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(await Deno.stdout.write(rest));
  } catch (error) {
    throw new SinkError(`Cannot write to the standard output: ${(error as Error).message}`, { kind: "retry" });
  }
}
