/**
 * Everything that can go wrong, sorted by who must act. All extend `Error` directly and keep their `cause`.
 * That more bytes are needed is no error and stands nowhere here.
 * @module
 */

/** One fault in a configuration file, where it stands. Lines and columns count from 1. */
export interface ConfigFault {
  readonly path: string;
  readonly line?: number;
  readonly column?: number;
  /** What was found, what is allowed, what to do. */
  readonly message: string;
}

/** A person must mend the configuration. Carries every fault found, not the first. Exit 78. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly faults: readonly ConfigFault[], options?: ErrorOptions) {
    super(faults.map(formatFault).join("\n"), options);
  }
}

/** `obisd.yaml:12:5: message`, as compilers write it, so that editors can jump there. */
export function formatFault({ path, line, column, message }: ConfigFault): string {
  return [path, line, column].filter((part) => part !== undefined).join(":") + ": " + message;
}

/** A person must mend the command line. Exit 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * What is wrong with a wire: `missing` (no such port), `denied` (no permission), `busy` (held by another process),
 * `refused` (nobody accepts the connection, or does not in time), `lost` (unplugged or hung up in a session).
 */
export type LineTrouble = "missing" | "denied" | "busy" | "refused" | "lost";

/** The wire or the socket is gone or cannot be had: close, back off, open again. */
export class LineError extends Error {
  override readonly name = "LineError";
  constructor(readonly trouble: LineTrouble, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What is wrong with the journal's disk: `full`, `failing` (read-only, broken), `damaged` (it gives what nobody wrote). */
export type JournalTrouble = "full" | "failing" | "damaged";

/** The disk does not take or give the journal; but for damage it may pass, and a later try may work. */
export class JournalError extends Error {
  override readonly name = "JournalError";
  constructor(readonly trouble: JournalTrouble, message: string) {
    super(message);
  }
}

/** Nothing came in time: the dialogue may repeat. `what` it was that may have been heard nevertheless, where it counts. */
export class SilenceError extends Error {
  override readonly name = "SilenceError";
  readonly what?: "password";
  constructor(message: string, { what, ...options }: ErrorOptions & { readonly what?: "password" } = {}) {
    super(message, options);
    if (what) this.what = what;
  }
}

/** What a meter did against the standard: `damaged` (check character wrong to the end), `unreadable` (nothing that could be read), `endless` (more than a message may hold). */
export type ProtocolTrouble = "damaged" | "unreadable" | "endless";

/** The meter broke the standard, or the wire broke what the meter said. Carries the bytes. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  constructor(
    readonly trouble: ProtocolTrouble,
    message: string,
    /** What was received, for `--raw` and the log. */
    readonly bytes: Uint8Array = new Uint8Array(),
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The meter correctly said no: its own words, and no retry. `what` it was, where somebody must know. */
export class RefusalError extends Error {
  override readonly name = "RefusalError";
  readonly what?: "password" | "no data";
  constructor(message: string, { what, ...options }: ErrorOptions & { readonly what?: "password" | "no data" } = {}) {
    super(message, options);
    if (what) this.what = what;
  }
}

/**
 * Why a sink waits for a person: `auth` (secret or rights), `target` (no such database or address), `config` (the
 * destination speaks otherwise than configured), `reject` (it takes nothing or too little of what it is given).
 */
export type SinkBlock = "auth" | "target" | "config" | "reject";

/** What follows from a sink's failure: offer the whole batch again, or put single readings aside. */
export type SinkRemedy =
  /** Offer the batch again; not before `afterMs` when the destination said so. `blocked`: only a person can mend it. */
  | { readonly kind: "retry"; readonly afterMs?: number; readonly blocked?: SinkBlock }
  /** Offer it in halves: the destination found it too large, or bad without saying which reading. */
  | { readonly kind: "split" }
  /** These indices of the batch can never be taken (dead letters). The others have arrived, or want to be offered again. */
  | { readonly kind: "reject"; readonly indices: readonly number[]; readonly others?: "arrived" | "again" };

/** A destination did not take a batch of readings. */
export class SinkError extends Error {
  override readonly name = "SinkError";
  constructor(message: string, readonly remedy: SinkRemedy, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What meters and wires do; anything else is a fault of ours. */
export function isOfMeterOrWire(error: unknown): boolean {
  return error instanceof SilenceError || error instanceof LineError || error instanceof ProtocolError ||
    error instanceof RefusalError || error instanceof DOMException && error.name === "TimeoutError";
}
