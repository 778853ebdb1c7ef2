/** What may go wrong with a meter and its wire: faults that a simulated meter shows on demand. @module */

/** Every fault: what its argument is, and what it does. The help text is made of it. */
export const FAULTS = {
  "bad-bcc": { argument: "", does: "data messages end in a wrong check character" },
  "flip-digit": { argument: "", does: "a digit changes on the way; the check character stays as it was" },
  "wrong-crc": { argument: "", does: "P1 telegrams end in a wrong CRC" },
  "drop-stx": { argument: "", does: "data messages lack their STX" },
  "drop-etx": { argument: "", does: "data messages lack their ETX" },
  "drop-bcc": { argument: "", does: "data messages lack their check character" },
  "drop-end": { argument: "", does: "data messages lack ETX and check character" },
  "drop-first": {
    argument: "BYTES",
    does: "data messages lack their first BYTES (3): the reader changed its speed too late",
  },
  lead: { argument: "ack|lf", does: "ACK CR LF (ack), or empty lines (lf), before each data message" },
  bang: { argument: "bare|inline", does: "no CR LF behind ! (bare), or none before it either (inline)" },
  "one-line": { argument: "", does: "all data sets on one line" },
  "no-cr": { argument: "", does: "carriage returns are lost on the way" },
  ident: {
    argument: "blanks|lf|cr|long",
    does: "the identification has blanks behind it, ends by LF or by CR alone, or has 60 characters",
  },
  "announce-e": { argument: "", does: "the identification offers mode E, and it speaks mode C alone" },
  z: { argument: "CHARACTER", does: "announces this speed and speaks at its own" },
  "require-ack": { argument: "VZY", does: "sends its readout for this acknowledgement alone (052), else nothing" },
  rest: { argument: "MS", does: "hears nothing for MS (1500) after a session" },
  limit: { argument: "SESSIONS", does: "answers so many sessions (1), then no more" },
  restart: {
    argument: "",
    does: "a request that comes while it speaks has it begin anew, with its identification",
  },
  "stop-bits": { argument: "", does: "understands only characters with two stop bits (on a pseudo-terminal)" },
  stuck: { argument: "", does: "a session before was never ended: it waits at 9600 Bd for a break" },
  truncate: { argument: "BYTES", does: "data messages end after BYTES (half of them), then silence" },
  disconnect: {
    argument: "BYTES",
    does: "hangs up after BYTES of a data message (half); a pseudo-terminal comes back",
  },
  endless: { argument: "", does: "data lines without end" },
  silent: {
    argument: "STEP",
    does:
      "says nothing to a request (ident), for data (data), in programming mode (p0, password, answer, block), in mode E (connect, association, answer)",
  },
  garbage: {
    argument: "WHERE",
    does:
      "bytes without meaning instead of the identification (ident) or the data (data), or before each message (before; fill: NUL, DEL and FF)",
  },
  "ignore-ack": { argument: "", does: "ignores the acknowledgement: data at the speed of the sign-on" },
  "no-nak": { argument: "", does: "silent after a NAK" },
  nak: { argument: "", does: "NAK to a command of programming mode" },
  break: { argument: "STEP", does: "a break in programming mode instead of p0, to a password, as an answer" },
  asleep: {
    argument: "NULS",
    does: "on a battery: hears a request only behind a run of NULS (60) and 1 s of silence, or one NUL after B1",
  },
  slow: {
    argument: "FACTOR|MSms",
    does: "characters and pauses take FACTOR times as long, or answers come after MS (1400ms)",
  },
  echo: {
    argument: "fast",
    does: "the wire gives back all that is sent on it, or only at another speed than 300 Bd (fast)",
  },
  "bad-fcs": { argument: "NTH", does: "mode E: each NTH frame (each) has a wrong check sequence" },
  "lost-frame": { argument: "NTH", does: "mode E: each NTH frame or message (each) is not sent" },
  "wrong-counter": {
    argument: "",
    does: "mode E: the meter has heard higher invocation counters than the client gives",
  },
  parity: { argument: "", does: "the wire is read as 8N1: the parity stands in bit 7, both ways" },
  converter: { argument: "BAUD", does: "the converter stays at BAUD (300): what passes at another speed is garbled" },
} as const;

/** The name of a fault. */
export type FaultName = keyof typeof FAULTS;

/** One fault as asked for. */
export interface Fault {
  readonly name: FaultName;
  readonly argument?: string;
  /** Only the first so many times; absent: always. */
  readonly times?: number;
}

/** What the argument of each fault that takes one must look like. */
const SHAPES: Partial<Record<FaultName, RegExp>> = {
  truncate: /^\d+$/,
  disconnect: /^\d+$/,
  silent: /^(ident|data|p0|password|answer|block|connect|association)$/,
  "bad-fcs": /^[1-9]\d*$/,
  "lost-frame": /^[1-9]\d*$/,
  break: /^(p0|password|answer)$/,
  garbage: /^(ident|data|before|fill)$/,
  "drop-first": /^[1-9]\d*$/,
  lead: /^(ack|lf)$/,
  bang: /^(bare|inline)$/,
  ident: /^(blanks|lf|cr|long)$/,
  z: /^[0-9A-Za-z]$/,
  "require-ack": /^[0-9][0-9A-I][0-9A-Z]$/,
  rest: /^\d+$/,
  limit: /^\d+$/,
  echo: /^fast$/,
  asleep: /^[1-9]\d*$/,
  slow: /^(\d+(\.\d+)?|\d+ms)$/,
  converter: /^[1-9]\d*$/,
};

/**
 * Reads `NAME[:ARGUMENT][:TIMES]`: `bad-bcc`, `bad-bcc:1`, `truncate:200`, `silent:1`, `disconnect:40:2`.
 * @throws {Error} that says what is allowed
 */
export function parseFault(text: string): Fault {
  const [name = "", ...rest] = text.split(":");
  if (!(name in FAULTS)) {
    throw new Error(`There is no fault "${name}". There are: ${Object.keys(FAULTS).join(", ")}.`);
  }
  const shape = SHAPES[name as FaultName];
  const argument = shape?.test(rest[0] ?? "") ? rest.shift() : undefined;
  const times = rest.shift();
  if (rest.length > 0 || times !== undefined && !/^\d+$/.test(times)) {
    const form = FAULTS[name as FaultName].argument;
    throw new Error(`Cannot read fault "${text}": allowed is ${name}${form && `[:${form}]`}[:TIMES].`);
  }
  return {
    name: name as FaultName,
    ...(argument === undefined ? {} : { argument }),
    ...(times === undefined ? {} : { times: Number(times) }),
  };
}

/** The faults of a simulator, which strike as often as asked, whichever meter is concerned. */
export class Faults {
  readonly #left: { readonly fault: Fault; times: number }[];

  constructor(faults: readonly Fault[] = []) {
    this.#left = faults.map((fault) => ({ fault, times: fault.times ?? Infinity }));
  }

  /** The fault, when it strikes now: one of its times is used up. `argument`: only where that is its argument. */
  strike(name: FaultName, argument?: (argument: string | undefined) => boolean): Fault | undefined {
    const entry = this.#left.find(({ fault, times }) =>
      fault.name === name && times > 0 && (argument === undefined || argument(fault.argument))
    );
    if (entry) entry.times--;
    return entry?.fault;
  }

  /** The fault, whether or not its times are used up: for properties of the wire. */
  get(name: FaultName): Fault | undefined {
    return this.#left.find(({ fault }) => fault.name === name)?.fault;
  }
}

/** Bytes without meaning, the same each time: neither `/` nor STX nor `!` among them. */
export function noise(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => 0x40 + (index * 29 + 7) % 0x3f);
}

/** A copy in which the middle one of the digits within brackets is another. */
export function withFlippedDigit(message: Uint8Array): Uint8Array {
  const digits: number[] = [];
  let open = false;
  message.forEach((byte, at) => {
    if (byte === 0x28) open = true;
    else if (byte === 0x29) open = false;
    else if (open && byte >= 0x30 && byte <= 0x39) digits.push(at);
  });
  return withChanged(message, digits[digits.length >> 1] ?? 0, 0x01);
}

/** A copy in which the last byte is another: a check character that is wrong. */
export function withWrongCheck(message: Uint8Array): Uint8Array {
  return withChanged(message, message.length - 1, 0x04);
}

/** A copy of a P1 telegram in which the first digit of the CRC is another. */
export function withWrongCrc(telegram: Uint8Array): Uint8Array {
  const at = telegram.lastIndexOf(0x21) + 1;
  return withChanged(telegram, at, telegram[at]! ^ (telegram[at] === 0x30 ? 0x31 : 0x30));
}

function withChanged(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const changed = bytes.slice();
  if (at >= 0 && at < changed.length) changed[at]! ^= mask;
  return changed;
}
