/** `obisd simulate --replay FILE`: a recording, played back as a meter. @module */
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { type Found, parseRecording } from "../recording.ts";
import { type SimulatorOptions, startSimulator } from "../simulator/mod.ts";
import type { Context } from "./command.ts";

/** How long what was said last may still be on its way, ms. */
const LAST_WORDS_MS = 500;

/** How a recording is played. */
export interface PlayBackOptions extends Pick<SimulatorOptions, "listen" | "pacing"> {
  /** Once, to the letter: a difference ends it. */
  readonly strict: boolean;
  /** Told where a client finds the meter. */
  readonly onListen: (endpoint: string) => Promise<void> | void;
}

/** Plays a recording until the signal aborts, or once where it must be followed to the letter. @returns the exit code */
export async function playBack(
  path: string,
  options: PlayBackOptions,
  { log, signal, clock }: Context,
): Promise<number> {
  const { listen, pacing, strict, onListen } = options;
  const events = await loadRecording(path);
  const over = new AbortController();
  signal.addEventListener("abort", () => over.abort(signal.reason), { once: true, signal: over.signal });
  let exit: number = EXIT.ok;
  let played = false;
  const stop = () => over.abort("played");
  const replay = {
    name: path,
    events,
    onDifference: (message: string) => {
      log.warning(message);
      if (!strict || over.signal.aborted) return;
      exit = EXIT.protocol;
      stop();
    },
    onEnd: (restMs: number) => {
      log.info(`${path} has been played to its end`);
      if (strict && !played) clock.sleep(restMs + LAST_WORDS_MS, over.signal).then(stop, () => {});
      played = true;
    },
    onLeft: () => strict && played && stop(),
  };
  await using simulator = await startSimulator({
    meters: [],
    replay,
    listen,
    ...pacing !== undefined && { pacing },
    signal: over.signal,
    log,
    clock,
  });
  await onListen(simulator.endpoint);
  await simulator.ended;
  return exit;
}

async function loadRecording(path: string): Promise<Found[]> {
  const text = await Deno.readTextFile(path);
  try {
    return parseRecording(text);
  } catch (cause) {
    throw new UsageError(`--replay ${path}: ${(cause as Error).message}`, { cause });
  }
}
