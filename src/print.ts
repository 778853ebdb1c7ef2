/** Data for whoever reads our standard output. @module */

const encoder = new TextEncoder();

/** Writes text and a line end. @throws {Deno.errors.BrokenPipe} when nobody reads any more */
export function print(text: string): void {
  let rest = encoder.encode(text + "\n");
  while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
}
