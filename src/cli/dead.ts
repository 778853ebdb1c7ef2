/** `obisd dead`: what the sinks' destinations would not take. @module */
import { DEFAULT_CONFIG_PATH, loadConfig } from "../config.ts";
import { askDaemon } from "../control.ts";
import type { Question } from "../control_questions.ts";
import { JournalError, LineError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { type Letter, type LetterChoice, type Letters, openLetters, type Purged, type Retried } from "../journal.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { controlSocket } from "./daemon_socket.ts";
import { formatLetters, formatLetterWhole, letterAsJson } from "./dead_table.ts";
import { confirm, hasTerminal } from "./terminal.ts";

const VERBS = ["list", "show", "retry", "purge"] as const;

/** Lists, shows, offers again and deletes dead letters. */
export const dead: Command = {
  summary: "show what a sink's destination refused, offer it again, delete it",
  help: `obisd dead list|show|retry|purge [NUMBER…] [--sink NAME] [-c FILE] [OPTIONS]

A dead letter is a reading that its sink's destination can never take, by the destination's own words. It is kept in the
journal until somebody has looked at it; of more than 10 000, or 16 MiB, of one sink the oldest fall out (they are then
"evicted" in obisd status). The daemon is asked; when none runs, the journal itself is opened.

  list                 one line a letter: number, sink, when it was refused, the reading, why
  show NUMBER…         all of it: the destination's words, the whole reading
  retry                offers letters to their sink once more, before anything else; what is refused again is one again
  purge                deletes letters for ever

  NUMBER…              which letters, as list shows them
  --sink NAME          those of one sink
  --all                retry, purge: really all
  --json               list, show: one JSON object a line
  --yes                purge: asks no question

  sudo obisd dead list --sink influxdb
  sudo obisd dead show 17
  sudo obisd dead retry --sink influxdb       # the bucket's retention is longer now
  sudo obisd dead purge 17 18 --yes`,
  options: {
    sink: { type: "string" },
    all: { type: "boolean" },
    json: { type: "boolean" },
    yes: { type: "boolean" },
  },

  async run(args, context) {
    const verb = VERBS.find((verb) => verb === args.positionals[0]);
    if (!verb) throw new UsageError(`obisd dead ${VERBS.join("|")}: which? obisd dead --help tells them`);
    const choice = parseChoice(verb, args);
    using box = await openBox(args.values.config as string | undefined);
    const { letters, count } = await box.list(choice);
    const missing = choice.ids?.filter((id) => !letters.some((letter) => letter.id === id)) ?? [];
    if (missing.length > 0) throw new UsageError(`There is no dead letter ${missing.join(", ")}: obisd dead list`);
    switch (verb) {
      case "list":
      case "show":
        return show(verb, { letters, count }, args, context);
      case "retry":
        return tellRetried(await box.retry(choice), context);
      case "purge":
        if (count > 0) await consent(args, count, context);
        return tellPurged(await box.purge(choice), context);
    }
  },
};

/** Letters that are listed at once cannot be chosen by more numbers than that. */
const MOST_NUMBERS = 1000;

function parseChoice(verb: typeof VERBS[number], { values, positionals: [, ...numbers] }: Arguments): LetterChoice {
  const wrong = numbers.find((text) => !/^[1-9]\d{0,14}$/.test(text));
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is no number of a dead letter; a sink is named by --sink`);
  if (numbers.length > MOST_NUMBERS) throw new UsageError(`More than ${MOST_NUMBERS} numbers at once`);
  const sink = values.sink as string | undefined;
  if (verb === "show" && numbers.length === 0) throw new UsageError("show which? obisd dead list has the numbers");
  if (["retry", "purge"].includes(verb)) {
    const ways = [numbers.length > 0, sink !== undefined, values.all === true].filter(Boolean).length;
    if (ways === 0) throw new UsageError(`${verb} which: NUMBER…, --sink NAME, or --all?`);
    if (ways > 1) throw new UsageError(`${verb}: NUMBER…, --sink and --all exclude each other`);
  }
  return { ...numbers.length > 0 && { ids: numbers.map(Number) }, ...sink !== undefined && { sink } };
}

/** The daemon's, or those of the journal when no daemon runs. @throws {LineError} another process has the journal */
async function openBox(path: string | undefined): Promise<Letters & Disposable> {
  const socket = await controlSocket(path);
  const ask = <T>(verb: keyof Letters, choice: LetterChoice) => askForLetters<T>(socket, { ask: "dead", verb, choice });
  try {
    await ask("list", { ids: [] });
  } catch (error) {
    if (error instanceof LineError && error.trouble === "refused") return await openClosed(path);
    throw error;
  }
  return {
    list: (choice) => ask("list", choice),
    retry: (choice) => ask("retry", choice),
    purge: (choice) => ask("purge", choice),
    [Symbol.dispose]() {},
  };
}

/** What a daemon has against a sensible question is trouble with its journal. */
async function askForLetters<T>(socket: string, question: Question & { ask: "dead" }): Promise<T> {
  try {
    return await askDaemon<T>(socket, question);
  } catch (error) {
    if (error instanceof LineError) throw error;
    throw new JournalError("failing", `The daemon says: ${(error as Error).message}`);
  }
}

async function openClosed(path: string | undefined): Promise<Letters & Disposable> {
  const { journal, sinks } = await loadConfig(path ?? DEFAULT_CONFIG_PATH, { missingSecrets: "warning" });
  await Deno.stat(journal.path).catch((error) => {
    throw new Deno.errors.NotFound(`There is no journal ${journal.path}: nothing was ever read`, { cause: error });
  });
  return await openLetters(journal.path, sinks.map(({ name }) => name));
}

function show(
  verb: "list" | "show",
  { letters, count }: { readonly letters: readonly Letter[]; readonly count: number },
  { values }: Arguments,
  { print, log }: Context,
): number {
  if (values.json === true) { for (const letter of letters) print(letterAsJson(letter)); }
  else if (verb === "show") print(letters.map(formatLetterWhole).join("\n\n"));
  else if (count > 0) print(formatLetters(letters));
  if (count === 0) log.info("There are no dead letters");
  if (count > letters.length) log.warning(`These are the newest ${letters.length} of ${count}: --sink tells fewer`);
  return EXIT.ok;
}

async function consent({ values }: Arguments, count: number, { signal }: Context): Promise<void> {
  if (values.yes === true) return;
  if (!hasTerminal()) throw new UsageError("purge deletes for ever, and there is no terminal to ask at: say --yes");
  if (!await confirm(`Delete ${count} dead letters for ever?`, signal)) throw new UsageError("Nothing was deleted");
}

function tellRetried({ again, damaged, homeless }: Retried, { print, log }: Context): number {
  const sinks = Object.entries(again);
  for (const [sink, count] of sinks) print(`${count} letters are offered to ${sink} once more`);
  if (sinks.length + damaged + homeless === 0) log.info("There is nothing that does not wait for that already");
  if (damaged > 0) log.error(`${damaged} letters are damaged: obisd dead show tells what is left of them`);
  if (homeless > 0) {
    log.error(`${homeless} letters are of sinks that are not in the configuration: bring those back first`);
  }
  return damaged > 0 ? EXIT.damaged : homeless > 0 ? EXIT.config : EXIT.ok;
}

function tellPurged({ purged, waiting }: Purged, { print, log }: Context): number {
  print(`${purged} letters were deleted`);
  if (waiting > 0) log.warning(`${waiting} letters stay: they wait to be offered once more`);
  return EXIT.ok;
}
