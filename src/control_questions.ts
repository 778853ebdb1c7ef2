/** What a running daemon can be asked. @module */
import * as z from "zod";
import type { HeardCounters } from "./heard_counters.ts";
import type { Journal } from "./journal.ts";
import type { Status } from "./status.ts";

const choice = z.strictObject({ ids: z.array(z.int()).readonly().optional(), sink: z.string().optional() });
const question = z.discriminatedUnion("ask", [
  z.strictObject({ ask: z.literal("status") }),
  z.strictObject({ ask: z.literal("dead"), verb: z.enum(["list", "retry", "purge"]), choice }),
  z.strictObject({ ask: z.literal("heard") }),
  z.strictObject({ ask: z.literal("forget"), title: z.string() }),
]);

/** A question, as it crosses the socket. */
export type Question = z.input<typeof question>;

/** Who knows the answers. */
export interface Knowing {
  readonly status: () => Status;
  readonly journal: Journal;
  readonly heard: HeardCounters;
}

/** Answers a question. @throws {Error} when nobody can know what is meant */
export async function answerQuestion(asked: unknown, { status, journal, heard }: Knowing): Promise<unknown> {
  const { success, data } = question.safeParse(asked);
  if (!success) throw new Error("This obisd does not know the question: is the daemon of another version?");
  switch (data.ask) {
    case "status":
      return status();
    case "dead":
      return await journal.letters[data.verb](data.choice);
    case "heard":
      return heard.list();
    case "forget":
      return heard.forget(data.title);
  }
}
