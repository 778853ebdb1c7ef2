import assert from "node:assert/strict";
import { type Arrival, type Dialogue, type Finder, Inbox } from "../src/dialogue.ts";
import { ProtocolError } from "../src/errors.ts";

/** A message ends with `;`. */
const untilSemicolon: Finder<string> = (bytes) => {
  const end = bytes.indexOf(0x3b);
  return end < 0 ? undefined : { start: 0, end: end + 1, value: String.fromCharCode(...bytes.subarray(0, end)) };
};

const PATIENCE = { firstMs: 2000, nextMs: 1500, limitBytes: 64 };
const arrival = (text: string, atMs: number): Arrival => ({ bytes: new TextEncoder().encode(text), atMs });

/** Hands over arrivals until the dialogue is done; what it yields is collected. */
function run<T>(dialogue: Dialogue<T>, arrivals: Arrival[], asked: unknown[] = []): T {
  let result = dialogue.next(undefined as never);
  while (!result.done) {
    asked.push(result.value);
    result = dialogue.next(arrivals.shift()!);
  }
  return result.value;
}

Deno.test("Inbox.take: patient for the first byte, then from byte to byte", () => {
  const asked: unknown[] = [];
  const cut = run(new Inbox().take(untilSemicolon, PATIENCE), [arrival("a", 5), arrival("b;", 7)], asked);
  assert.deepEqual(cut, { value: "ab", atMs: 5 });
  assert.deepEqual(asked, [{ kind: "receive", withinMs: 2000 }, { kind: "receive", withinMs: 1500 }]);
});

Deno.test("Inbox.take: what came behind a message stays, with its time", () => {
  const inbox = new Inbox();
  assert.deepEqual(run(inbox.take(untilSemicolon, PATIENCE), [arrival("a;b", 5)]), { value: "a", atMs: 5 });
  assert.deepEqual(run(inbox.take(untilSemicolon, PATIENCE), [arrival("c;d;", 9)]), { value: "bc", atMs: 5 });
  assert.deepEqual(run(inbox.take(untilSemicolon, PATIENCE), []), { value: "d", atMs: 9 });
  assert.equal(inbox.bytes.length, 0);
});

Deno.test("Inbox.take: no end within the limit", () => {
  const endless = [arrival("x".repeat(40), 1), arrival("x".repeat(40), 2)];
  assert.throws(
    () => run(new Inbox().take(untilSemicolon, PATIENCE), endless),
    (error: Error) => error instanceof ProtocolError && error.trouble === "endless" && error.bytes.length === 80,
  );
});

Deno.test("Inbox: what it handed out is never overwritten", () => {
  const inbox = new Inbox();
  const find: Finder<Uint8Array> = (bytes) =>
    bytes.length < 3 ? undefined : { start: 0, end: 3, value: bytes.subarray(0, 3) };
  const handed: Uint8Array[] = [];
  for (let round = 0; round < 2000; round++) {
    handed.push(run(inbox.take(find, PATIENCE), [arrival(String(1000 + round).slice(1) + "-", round)]).value);
    inbox.clear();
  }
  assert.deepEqual(
    handed.map((bytes) => String.fromCharCode(...bytes)),
    handed.map((_, at) => String(1000 + at).slice(1)),
  );
});

Deno.test("Inbox: pieces that lie behind each other are not copied, others are put together", () => {
  const inbox = new Inbox();
  const whole = new TextEncoder().encode("abcd;ef;");
  const find: Finder<Uint8Array> = (bytes) => {
    const end = bytes.indexOf(0x3b);
    return end < 0 ? undefined : { start: 0, end: end + 1, value: bytes.subarray(0, end) };
  };
  const pieces = [whole.subarray(0, 2), whole.subarray(2, 4), whole.subarray(4, 7)].map((bytes, atMs) => ({
    bytes,
    atMs,
  }));
  const { value } = run(inbox.take(find, PATIENCE), pieces);
  assert.equal(value.buffer, whole.buffer);
  assert.equal(new TextDecoder().decode(value), "abcd");
  const other = run(inbox.take(find, PATIENCE), [arrival("g", 4), arrival("h;i", 5)]);
  assert.equal(new TextDecoder().decode(other.value), "efgh");
  assert.equal(new TextDecoder().decode(whole), "abcd;ef;");
  assert.equal(new TextDecoder().decode(inbox.takeAll()!.value), "i");
});

Deno.test("Inbox.takeAll: everything, once", () => {
  const inbox = new Inbox();
  run(inbox.take(untilSemicolon, PATIENCE), [arrival("a;bc", 3)]);
  assert.deepEqual(inbox.takeAll(), { value: new TextEncoder().encode("bc"), atMs: 3 });
  assert.equal(inbox.takeAll(), undefined);
});
