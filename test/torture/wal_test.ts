/** A log that is cut off anywhere, and bits that turn in it: whole commits, and every one before the damage. */
import assert from "node:assert/strict";
import { cutWal, flipMain, flipWal } from "../../torture/wal.ts";

Deno.test("openJournal: the log cut at every byte of its last commit, and here and there before them", async () => {
  const { tried } = await cutWal({ walBytes: 24 * 1024, commits: 1, seed: 1 });
  assert(tried > 2000, `only ${tried} cuts`);
  await cutWal({ walBytes: 24 * 1024, count: 200, seed: 1 });
});

Deno.test("openJournal: 300 bits turned in the log end it there, and do no more", async () => {
  await flipWal({ walBytes: 24 * 1024, count: 300, seed: 1 });
});

Deno.test("openJournal: 300 bits turned in the main file make no wrong value, and the books stay right", async () => {
  const { tried, refused } = await flipMain({ walBytes: 24 * 1024, count: 300, seed: 293_511_485 });
  assert.equal(tried, 300);
  assert(refused < 3, `${refused} files were refused`); // application_id and user_version alone
});
