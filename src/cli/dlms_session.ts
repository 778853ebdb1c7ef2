/** What `objects`, `get`, `set`, `clock` and `profile` share in mode E: an association with one meter. @module */
import { withLimit } from "../abort.ts";
import { asItWrites } from "../asking.ts";
import type { Dialogue } from "../dialogue.ts";
import { type Client, dlmsReadout } from "../dlms/mod.ts";
import { SilenceError } from "../errors.ts";
import { modeE, type ModeEOptions } from "../mode_e.ts";
import { verifyIdentity } from "../normalise.ts";
import { converse } from "../session.ts";
import type { Identification } from "../telegram.ts";
import { formatEndpoint } from "../transport/endpoint.ts";
import { openTransport } from "../transport/mod.ts";
import type { Arguments, Context } from "./command.ts";
import { parseDlms } from "./dlms.ts";
import { parseTimeout, type Target } from "./target.ts";
import { createWatcher } from "./watcher.ts";

/** An association that is open. */
export interface Associated {
  readonly client: Client;
  /** Of the sign-on, where there was one. */
  readonly identification?: Identification;
  /** Says how far it is, to a person who waits. */
  readonly note: (text: string) => void;
}

/** A DLMS meter that can be asked. */
export interface DlmsMeter {
  readonly target: Target;
  /** Opens an association and does `work` in it. A meter of the configuration proves first that it is the expected one. */
  session<T>(work: (its: Associated) => Dialogue<T>): Promise<T>;
}

/** The DLMS meter that the command line names, its secrets at hand. @throws {UsageError} */
export async function openDlms(
  target: Target,
  args: Arguments,
  context: Context,
  timeoutMs?: number,
): Promise<DlmsMeter> {
  const withinMs = parseTimeout(args.values.timeout, timeoutMs);
  const once = await parseDlms(args, target, context);
  let options: ModeEOptions | undefined = once;
  return {
    target,
    async session(work) {
      const now = options ?? await parseDlms(args, target, context); // each association has a challenge of its own
      options = undefined;
      return await run(target, args, { ...context, withinMs }, (note) =>
        modeE(now, function* (client, identification) {
          yield* prove(client, target);
          return yield* work({ client, note, ...identification && { identification } });
        }));
    },
  };
}

async function run<T>(
  { endpoint }: Target,
  { values }: Arguments,
  { signal: stop, log, clock, record, withinMs }: Context & { readonly withinMs: number },
  dialogueWith: (note: (text: string) => void) => Dialogue<T>,
): Promise<T> {
  const recorded = record?.(formatEndpoint(endpoint));
  const watcher = createWatcher({ mode: "E", trace: values.trace === true, recorded });
  try {
    return await withLimit(stop, { withinMs, what: "The session" }, async (signal) => {
      await using transport = await openTransport(endpoint, { signal, onNotice: (notice) => log.warning(notice) });
      return await converse(transport, dialogueWith(watcher.note), { signal, clock, trace: watcher.trace });
    });
  } catch (error) {
    throw watcher.explain(error);
  } finally {
    watcher.end();
  }
}

/** Nothing more is asked of a stranger, let alone written to one. */
function* prove(client: Client, target: Target): Dialogue<void> {
  const { expect } = asItWrites(target, { mode: "E" });
  if (!expect) return;
  const stranger = verifyIdentity(yield* dlmsReadout(client, { names: Object.keys(expect) }), expect);
  if (stranger) throw new SilenceError(`The meter of the configuration is not there: ${stranger}`);
}
