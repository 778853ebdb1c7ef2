/** `obisd forget`: a DLMS meter that counts its messages anew is believed again. @module */
import { DEFAULT_CONFIG_PATH, loadConfig } from "../config.ts";
import { askDaemon } from "../control.ts";
import type { Question } from "../control_questions.ts";
import { JournalError, LineError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { type Heard, heardBeside, HeardCounters } from "../heard_counters.ts";
import { countersBeside } from "../invocation_counters.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { controlSocket } from "./daemon_socket.ts";
import { confirm, hasTerminal } from "./terminal.ts";

/** Lists what was heard from DLMS meters, or forgets it of one. */
export const forget: Command = {
  summary: "believe a DLMS meter again that counts its messages anew",
  help: `obisd forget [TITLE] [-c FILE | --counters FILE] [--yes]

Of each DLMS meter with keys the highest number of a message is remembered, and a message with a lower one is refused:
it was heard before, and somebody may play it back. A meter that was reset or exchanged begins to count anew and is
refused from then on; the error names its system title. This forgets its number, so that its next message is believed
whatever its number is. Until the meter has spoken, so is one that somebody recorded: do it when the meter is known to
be new.
The daemon is asked; when none runs, the file beside the journal is changed.

  TITLE                system title of the meter, 16 hex digits; absent: lists all, with what was heard last
  --counters FILE      the file that a command for an ENDPOINT keeps (read --counters), none that a daemon keeps
  --yes                asks no question

  sudo obisd forget
  sudo obisd forget 4B414D4501349083`,
  options: { counters: { type: "string" }, yes: { type: "boolean" } },

  async run(args, context) {
    const title = parseTitle(args.positionals);
    const book = await openHeard(args.values);
    const heard = (await book.list()).sort((one, other) => one.title < other.title ? -1 : 1);
    if (title === undefined) return list(heard, context);
    const its = heard.find((each) => each.title === title);
    if (!its) throw new UsageError(`Nothing was heard from ${title} there: obisd forget lists all; --counters FILE`);
    await consent(its, args, context);
    await book.forget(title);
    context.print(`The next message of ${title} is believed, whatever its number`);
    return EXIT.ok;
  },
};

function parseTitle([text, ...more]: Arguments["positionals"]): string | undefined {
  if (text === undefined) return undefined;
  if (more.length > 0 || !/^[0-9a-f]{16}$/i.test(text)) {
    throw new UsageError("forget takes one system title, 16 hex digits, as the error names it: obisd forget lists all");
  }
  return text.toUpperCase();
}

/** What is remembered, wherever that is. */
interface Remembered {
  readonly list: () => Promise<Heard[]>;
  readonly forget: (title: string) => Promise<unknown>;
}

/** The daemon's; when none runs, or a file is named, the file's. */
async function openHeard({ config, counters }: Arguments["values"]): Promise<Remembered> {
  if (counters !== undefined) return await inFile(counters as string);
  const socket = await controlSocket(config as string | undefined);
  const ask = <T>(question: Question) => askHeard<T>(socket, question);
  try {
    await ask({ ask: "heard" });
  } catch (error) {
    if (!(error instanceof LineError && error.trouble === "refused")) throw error;
    const { journal } = await loadConfig(config as string ?? DEFAULT_CONFIG_PATH, { missingSecrets: "warning" });
    return await inFile(countersBeside(journal.path));
  }
  return { list: () => ask<Heard[]>({ ask: "heard" }), forget: (title) => ask({ ask: "forget", title }) };
}

/** What a daemon has against such a question is trouble with its file. */
async function askHeard<T>(socket: string, question: Question): Promise<T> {
  try {
    return await askDaemon<T>(socket, question);
  } catch (error) {
    if (error instanceof LineError) throw error;
    throw new JournalError("failing", `The daemon says: ${(error as Error).message}`);
  }
}

async function inFile(counters: string): Promise<Remembered> {
  const path = heardBeside(counters);
  await Deno.stat(path).catch((cause) => {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Deno.errors.NotFound(`There is no ${path}: nothing ciphered was ever heard`, { cause });
  });
  const book = new HeardCounters(path);
  const attempt = <T>(work: () => T) =>
    Promise.try(work).catch(({ message }) => {
      throw new JournalError("failing", message);
    });
  return { list: () => attempt(() => book.list()), forget: (title) => attempt(() => book.forget(title)) };
}

function list(heard: readonly Heard[], { print, log }: Context): number {
  if (heard.length === 0) log.info("Nothing is remembered of any meter there");
  else print(["TITLE             LAST NUMBER", ...heard.map((each) => `${each.title}  ${each.counter}`)].join("\n"));
  return EXIT.ok;
}

async function consent({ title, counter }: Heard, { values }: Arguments, { signal }: Context): Promise<void> {
  if (values.yes === true) return;
  if (!hasTerminal()) throw new UsageError("A recorded message might be believed then: say --yes if that is meant");
  const question = `${title} was heard up to ${counter}. Believe a lower number, which may be of a recorded message?`;
  if (!await confirm(question, signal)) throw new UsageError("Nothing was forgotten");
}
