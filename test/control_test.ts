/** A daemon can be asked at its socket, whatever was there before and whoever asks. */
import assert from "node:assert/strict";
import { askDaemon, serveControl } from "../src/control.ts";
import { LineError } from "../src/errors.ts";
import { temporaryFolder } from "./support/readings.ts";

const troubleOf = (asked: Promise<unknown>) =>
  asked.then(() => assert.fail("was answered"), (error) => error instanceof LineError ? error.trouble : error.message);

Deno.test("serveControl: answers each question, large ones too, and says what is wrong with one", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/control.sock`;
  using _server = serveControl(path, (question) => {
    if (question === "nonsense") throw new Error("I do not know that");
    return Promise.resolve(question);
  });
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o660);
  const large = Array.from({ length: 2000 }, (_, at) => `${at} Küche`);
  const answers = await Promise.all([{ ask: 1 }, large, null].map((question) => askDaemon(path, question)));
  assert.deepEqual(answers, [{ ask: 1 }, large, null]);
  assert.equal(await troubleOf(askDaemon(path, "nonsense")), "I do not know that");
  assert.equal(await troubleOf(askDaemon(path, "x".repeat(70_000))), "This is too long");
});

Deno.test("serveControl: a socket that a killed daemon left is no hindrance, another's file is", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/control.sock`;
  const killed = Deno.listen({ transport: "unix", path: `${path}.link` });
  Deno.linkSync(`${path}.link`, path);
  killed.close(); // which removes only the name that it knows
  assert(Deno.lstatSync(path).isSocket);
  assert.equal(await troubleOf(askDaemon(path, 1)), "refused");
  {
    using _server = serveControl(path, () => Promise.resolve("here"));
    assert.equal(await askDaemon(path, 1), "here");
  }
  assert.equal(await troubleOf(askDaemon(path, 1)), "refused");
  Deno.writeTextFileSync(path, "mine");
  assert.throws(() => serveControl(path, () => Promise.resolve()));
  assert.equal(Deno.readTextFileSync(path), "mine");
});

Deno.test("askDaemon: a daemon that goes away while it is asked is told", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/control.sock`;
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const server = serveControl(path, () => (resolve(), new Promise(() => {})));
  const answer = troubleOf(askDaemon(path, 1));
  await asked;
  server[Symbol.dispose]();
  assert.equal(await answer, "lost");
});
