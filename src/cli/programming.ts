/** What `get`, `set`, `clock` and `send` share: a session in programming mode with one meter. @module */
import { withLimit } from "../abort.ts";
import { approach } from "../approach.ts";
import type { Dialogue } from "../dialogue.ts";
import { RefusalError, SilenceError, UsageError } from "../errors.ts";
import { ACCESSES, isPassword, logIn, type Programming, programming } from "../iec62056/mod.ts";
import { identify } from "../identity.ts";
import { converse } from "../session.ts";
import { formatEndpoint } from "../transport/endpoint.ts";
import { openTransport } from "../transport/mod.ts";
import type { Arguments, Context } from "./command.ts";
import { RECORD_HELP } from "./recorder.ts";
import { parseTarget, parseTimeout, type Target, TARGET_OPTIONS } from "./target.ts";
import { askPassword } from "./terminal.ts";
import { createWatcher } from "./watcher.ts";

/** Options of a command that opens programming mode. */
export const PROGRAMMING_OPTIONS = {
  ...TARGET_OPTIONS,
  password: { type: "string" },
  access: { type: "string" },
} as const;

/** Their part of the help. */
export const PROGRAMMING_HELP =
  `  --password WHERE     env:NAME, file:PATH, or ask: never the password itself, for everybody on this machine can read
                       a command line. Of a METER: the one that the configuration names
  --access HOW         how it is presented: ${ACCESSES.join(", ")}
  --address NUMBER     the meter's address, where several share a line
  --type NAME          a file of config/meters/: what wakes the meter, its speed, where that differs from the standard
  --trace              shows the dialogue, control characters made visible, the password not
${RECORD_HELP}
  --timeout TIME       gives up after it (default 120s)`;

/** A meter that can be asked in programming mode. */
export interface ProgrammableMeter {
  readonly target: Target;
  /**
   * Opens a session and does `work` in it. A meter of the configuration proves first that it is the expected one.
   * `note` is told how far it is, for a person who waits.
   * @param sessions how many may be opened: a meter that falls silent is asked once more, but nothing is written twice
   */
  session<T>(work: (meter: Programming, note: (text: string) => void) => Dialogue<T>, sessions?: 1 | 2): Promise<T>;
}

/** The meter that the command line names. @throws {UsageError} */
export async function parseMeter(what: string | undefined, args: Arguments): Promise<Target> {
  if (what === undefined) throw new UsageError("Which meter? An ENDPOINT, or a METER of the configuration");
  return await parseTarget(what, args);
}

/** A meter in programming mode, with its password at hand. @throws {UsageError} */
export async function openMeter(
  target: Target,
  args: Arguments,
  context: Context,
  timeoutMs?: number,
): Promise<ProgrammableMeter> {
  const { values } = args;
  const withinMs = parseTimeout(values.timeout, timeoutMs);
  if (target.mode !== "auto" && target.mode !== "C") {
    throw new UsageError(`Programming mode is entered in mode C, not in mode ${target.mode}`);
  }
  const mode = target.mode;
  const access = accessOf(values.access) ?? target.access;
  const password = await passwordOf(values.password as string | undefined, target, context.signal);
  const { log, clock } = context;
  const session: ProgrammableMeter["session"] = async (work, sessions = 1) => {
    const watcher = createWatcher({
      mode: "C",
      trace: values.trace === true,
      recorded: context.record?.(formatEndpoint(target.endpoint)),
    });
    const dialogue = programming({
      mode,
      tries: { left: sessions },
      ...approach(target),
    }, function* (meter) {
      yield* prove(meter, target);
      if (password !== undefined) yield* logIn(meter, password, access);
      return yield* work(meter, watcher.note);
    });
    try {
      return await withLimit(context.signal, { withinMs, what: "The session" }, async (signal) => {
        const onNotice = (notice: string) => log.warning(notice);
        await using transport = await openTransport(target.endpoint, { signal, onNotice });
        return await converse(transport, dialogue, { signal, clock, trace: watcher.trace });
      });
    } catch (error) {
      throw watcher.explain(error);
    } finally {
      watcher.end();
    }
  };
  return { target, session };
}

/** Nothing is asked of a stranger, let alone written to one, and no password is told to one. */
function* prove(meter: Programming, { expect }: Target): Dialogue<void> {
  const identity = expect && (yield* identify(meter, expect));
  if (identity?.kind === "stranger") {
    throw new SilenceError(`The meter of the configuration is not there: ${identity.why}`);
  }
  if (identity?.kind === "hidden") {
    throw new RefusalError(
      `It is not sure which meter this is, so that no password is sent: ${identity.why}; expect names what can be read without one`,
    );
  }
}

function accessOf(text: unknown): string | undefined {
  if (text === undefined || ACCESSES.includes(text as string)) return text as string | undefined;
  throw new UsageError(`--access ${text}: allowed are ${ACCESSES.join(", ")}`);
}

/** The password, from where the command line or the configuration says; it is never a word of the command line. */
async function passwordOf(where: string | undefined, target: Target, signal: AbortSignal): Promise<string | undefined> {
  const password = where === undefined ? fromConfiguration(target) : await readSecret(where, signal);
  if (password === undefined || isPassword(password)) return password;
  throw new UsageError(
    "The password cannot be sent: 1 to 32 printable characters of ASCII are allowed, but no ( ) / !",
  );
}

function fromConfiguration({ password }: Target): string | undefined {
  try {
    return password?.();
  } catch (error) {
    throw new UsageError(`The meter's password is not at hand: ${(error as Error).message}; --password names another`);
  }
}

/** A secret from `env:NAME`, `file:PATH`, or the keyboard; `option` is whose value it is. @throws {UsageError} */
export async function readSecret(where: string, signal: AbortSignal, option = "password"): Promise<string> {
  const name = option[0]!.toUpperCase() + option.slice(1).replace("-", " ");
  if (where === "ask") return await askPassword(`${name} of the meter: `, signal);
  const [, kind, place = ""] = /^(env|file):(.+)$/s.exec(where) ?? [];
  if (kind === "env") {
    const value = Deno.env.get(place);
    if (value === undefined) throw new UsageError(`--${option} env:${place}: there is no such variable`);
    return value;
  }
  if (kind === "file") return (await Deno.readTextFile(place)).replace(/\r?\n$/, "");
  throw new UsageError(
    `--${option} takes env:NAME, file:PATH or ask, never the ${name.toLowerCase()} itself: everybody on this machine can read a command line`,
  );
}
