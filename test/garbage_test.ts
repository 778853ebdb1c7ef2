/** Garbage is collected by us where V8 leaves it to us, and nowhere else. */
import assert from "node:assert/strict";

const GARBAGE = JSON.stringify(new URL("../src/garbage.ts", import.meta.url));

/** What a program says that was started so. */
async function said(code: string, ...flags: readonly string[]): Promise<string> {
  const args = [
    "eval",
    "--no-config",
    "--no-lock",
    "--quiet",
    ...flags,
    `const its = await import(${GARBAGE}); ${code}`,
  ];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("collectGarbage: when there is much of it, and not before", async () => {
  const code = `
    const used = () => Deno.memoryUsage().heapUsed;
    its.collectGarbage();
    const before = used();
    let heap = Array.from({ length: 200_000 }, (_, number) => ({ number }));
    const full = used();
    its.collectGarbage();
    heap = heap.length;
    const kept = used();
    its.collectGarbage();
    console.log(its.isOurGarbage, full - before > 5e6, kept - before > 5e6);
    heap = Array.from({ length: 400_000 }, (_, number) => ({ number })).length;
    its.collectGarbage();
    console.log(used() - before < 1e6);
  `;
  assert.equal(await said(code, "--v8-flags=--expose-gc"), "true true true\ntrue");
});

Deno.test("isOurGarbage: not where V8 sees to it", async () => {
  assert.equal(await said("its.collectGarbage(); console.log(its.isOurGarbage)"), "false");
});
