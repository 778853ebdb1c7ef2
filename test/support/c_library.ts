/** Libraries in C that a test puts in the place of libc. @module */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";

/** Whether there is no compiler; where all tests must run, that is a failure and no excuse. */
export const NO_COMPILER = Deno.env.get("OBISD_TEST_ALL") === undefined &&
  !(Deno.env.get("PATH") ?? "").split(":").some((folder) => existsSync(`${folder}/cc`));

/** Compiles `test/support/NAME.c` into `folder`; `OBISD_LIBC` takes the path that is returned. */
export async function compileLibrary(name: string, folder: string): Promise<string> {
  const library = `${folder}/${name}.so`;
  const source = new URL(`${name}.c`, import.meta.url).pathname;
  const compiled = await new Deno.Command("cc", { args: ["-shared", "-fPIC", "-o", library, source] }).output();
  assert.ok(compiled.success, new TextDecoder().decode(compiled.stderr));
  return library;
}
