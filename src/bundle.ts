/**
 * `deno task bundle`: the program as plain JavaScript in dist/, with every library inside, so that a machine without a
 * network runs it: `obisd.js`, the pieces that it loads when it needs them (a daemon needs few), and the journal's worker.
 * @module
 */
const OUT = new URL("../dist/", import.meta.url);
/** Where they are made: what stands in dist/ is whole at all times, also beside a second run of this. */
const MAKING = new URL(`.making-${Deno.pid}/`, OUT);
const SOURCES = new URL("./", import.meta.url);

/** A worker is a file of its own, named in a string that no bundler follows: its ending changes here. */
const WORKER = /"\.\/worker\.ts"/g;

async function bundle(source: string, ...target: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=deno", ...target, new URL(source, SOURCES).pathname],
    cwd: new URL("../", SOURCES).pathname,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn().status;
  if (!success) throw new Error(`Cannot bundle src/${source}: deno bundle says why above`);
}

async function pointAtWorker(pieces: readonly string[]): Promise<void> {
  let places = 0;
  for (const piece of pieces) {
    const file = new URL(piece, MAKING);
    const text = await Deno.readTextFile(file);
    const here = text.match(WORKER)?.length ?? 0;
    if (here > 0) await Deno.writeTextFile(file, text.replace(WORKER, '"./journal_worker.js"'));
    places += here;
  }
  if (places !== 1) throw new Error(`Cannot bundle: src/main.ts names its worker ${places} times instead of once`);
}

function filesIn(folder: URL): string[] {
  return [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => name);
}

await Deno.mkdir(MAKING, { recursive: true });
try {
  await bundle("main.ts", "--code-splitting", `--outdir=${MAKING.pathname}`);
  await pointAtWorker(filesIn(MAKING));
  await bundle("journal/worker.ts", `--output=${new URL("journal_worker.js", MAKING).pathname}`);
  await Deno.rename(new URL("main.js", MAKING), new URL("obisd.js", MAKING));
  const made = filesIn(MAKING).sort((a, b) => Number(a === "obisd.js") - Number(b === "obisd.js")); // it comes last
  for (const file of made) await Deno.rename(new URL(file, MAKING), new URL(file, OUT));
  for (const file of filesIn(OUT)) if (!made.includes(file)) await Deno.remove(new URL(file, OUT));
} finally {
  await Deno.remove(MAKING, { recursive: true });
}
