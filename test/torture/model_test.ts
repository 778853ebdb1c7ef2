/** The journal does what its model does, whatever is done to it in whatever order. */
import { tryModel } from "../../torture/model.ts";

Deno.test("openJournal: 1000 sequences of appends, deliveries, crashes and clock steps, and the books after each step", async () => {
  await tryModel({ count: 1000, seed: 20260115 }, 12);
});
