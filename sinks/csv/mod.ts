/** Readings in CSV files (RFC 4180): no line is lost, doubled or cut in half by a crash. @module */
import { dirname } from "node:path";
import * as z from "zod";
import { filePath, type Reading, type Sink, type SinkPlugin, toCsv } from "../../src/sink.ts";
import { CsvFiles } from "./files.ts";

const options = z.strictObject({
  path: filePath.refine((path) => /^(?:[^%]|%[YmdH%])*$/.test(path), "only %Y, %m, %d, %H and %% (a plain %) are known")
    .describe("Where the files lie. %Y %m %d %H stand for the reading's date and hour in UTC; folders are made."),
});

/** The sink `csv`. Its mark is where its files ended. */
const csv: SinkPlugin<z.output<typeof options>> = {
  type: "csv",
  options,
  needs({ path }) {
    const folder = dirname(path.split("%")[0]! + "x"); // below it, the names follow from the date
    return { read: [folder], write: [folder] };
  },
  open({ path }, mark): Promise<Sink> {
    const files = new CsvFiles(mark);
    return Promise.resolve({
      async write(readings) {
        await files.append(linesByFile(path, readings));
        return files.mark;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(files.close()),
    });
  },
};
export default csv;

/** The lines of each file, in the order of the readings. */
function linesByFile(pattern: string, readings: readonly Reading[]): Map<string, string[]> {
  const files = new Map<string, string[]>();
  let [last, lines]: [string | undefined, string[]] = [undefined, []];
  for (const reading of readings) {
    if (reading.time !== last) { // those of a readout share their time
      const path = pathAt(pattern, last = reading.time);
      lines = files.get(path) ?? [];
      files.set(path, lines);
    }
    lines.push(toCsv(reading));
  }
  return files;
}

/** The file of a time (RFC 3339, UTC). */
function pathAt(pattern: string, time: string): string {
  const parts: Record<string, string> = {
    Y: time.slice(0, 4),
    m: time.slice(5, 7),
    d: time.slice(8, 10),
    H: time.slice(11, 13),
  };
  return pattern.replace(/%([YmdH%])/g, (_, letter: string) => parts[letter] ?? "%");
}
