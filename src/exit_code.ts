/** What a command's end says to the shell: an exit code by the kind of error. @module */
import {
  ConfigError,
  JournalError,
  LineError,
  type LineTrouble,
  ProtocolError,
  type ProtocolTrouble,
} from "./errors.ts";
import { RefusalError, SilenceError, UsageError } from "./errors.ts";

/** The exit codes that scripts and the service rely on. */
export const EXIT = {
  ok: 0,
  usage: 64,
  damaged: 65,
  noInput: 66,
  noAnswer: 69,
  bug: 70,
  wire: 74,
  busy: 75,
  protocol: 76,
  refused: 77,
  config: 78,
  interrupted: 130,
} as const;

const OF_LINE: Record<LineTrouble, number> = {
  missing: EXIT.wire,
  denied: EXIT.wire,
  lost: EXIT.wire,
  busy: EXIT.busy,
  refused: EXIT.noAnswer,
};

const OF_PROTOCOL: Record<ProtocolTrouble, number> = {
  damaged: EXIT.damaged,
  unreadable: EXIT.protocol,
  endless: EXIT.protocol,
};

/** The exit code of a command that threw `error`; 70 for what nobody foresaw. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof ConfigError) return EXIT.config;
  if (error instanceof LineError) return OF_LINE[error.trouble];
  if (error instanceof JournalError) return EXIT.wire;
  if (error instanceof SilenceError) return EXIT.noAnswer;
  if (error instanceof ProtocolError) return OF_PROTOCOL[error.trouble];
  if (error instanceof RefusalError) return EXIT.refused;
  return exitCodeOfSystem(error);
}

function exitCodeOfSystem(error: unknown): number {
  const { NotFound, PermissionDenied, IsADirectory, NotADirectory, NotCapable, BrokenPipe } = Deno.errors;
  if ([NotFound, PermissionDenied, IsADirectory, NotADirectory].some((kind) => error instanceof kind)) {
    return EXIT.noInput;
  }
  if (error instanceof NotCapable) return EXIT.config; // the Deno flags follow from the configuration
  if (error instanceof BrokenPipe) return EXIT.ok; // whoever read our output (`| head`) has had enough
  if (error instanceof DOMException && error.name === "AbortError") return EXIT.interrupted;
  return EXIT.bug;
}
