/**
 * `deno task bundle`: the program as two JavaScript files in dist/, the daemon and its journal's worker, with every
 * library inside, so that a machine without a network runs it. What is imported late stays late.
 * @module
 */
const OUT = new URL("../dist/", import.meta.url);
/** Where they are made: what stands in dist/ is whole at all times, also beside a second run of this. */
const MAKING = new URL(`.making-${Deno.pid}/`, OUT);
const SOURCES = new URL("./", import.meta.url);

/** A worker is a file of its own, named in a string that no bundler follows: its ending changes here. */
const WORKER = /"\.\/worker\.ts"/g;

async function bundle(source: string, target: string): Promise<void> {
  const args = ["bundle", "--quiet", "--platform=deno", `--output=${new URL(target, MAKING).pathname}`];
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [...args, new URL(source, SOURCES).pathname],
    cwd: new URL("../", SOURCES).pathname,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn().status;
  if (!success) throw new Error(`Cannot bundle src/${source}: deno bundle says why above`);
}

async function pointAtWorker(file: URL): Promise<void> {
  const text = await Deno.readTextFile(file);
  const places = text.match(WORKER)?.length ?? 0;
  if (places !== 1) throw new Error(`Cannot bundle: ${file.pathname} names its worker ${places} times instead of once`);
  await Deno.writeTextFile(file, text.replace(WORKER, '"./journal_worker.js"'));
}

await Deno.mkdir(MAKING, { recursive: true });
try {
  await bundle("main.ts", "obisd.js");
  await bundle("journal/worker.ts", "journal_worker.js");
  await pointAtWorker(new URL("obisd.js", MAKING));
  for (const file of ["journal_worker.js", "obisd.js"]) await Deno.rename(new URL(file, MAKING), new URL(file, OUT));
} finally {
  await Deno.remove(MAKING, { recursive: true });
}
