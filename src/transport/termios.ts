/** Line settings as the kernel wants them: the flags of a raw terminal. @module */
import type { LineSettings } from "../line.ts";

/** The words of a struct termios2 that we set; all others are zero: raw, no echo, no flow control. */
export interface TerminalFlags {
  readonly input: number;
  readonly control: number;
  readonly baud: number;
}

const INPCK = 0o20;
const CS7 = 0o40;
const CS8 = 0o60;
const CSTOPB = 0o100;
const CREAD = 0o200;
const PARENB = 0o400;
const PARODD = 0o1000;
const HUPCL = 0o2000;
const CLOCAL = 0o4000;

/** The speed stands in a word of its own. */
const BOTHER = 0o10000;

/** The speeds that have a code; `stty` and older programs show only these. */
const SPEED_CODES: Readonly<Record<number, number>> = {
  50: 0o1,
  75: 0o2,
  110: 0o3,
  134: 0o4,
  150: 0o5,
  200: 0o6,
  300: 0o7,
  600: 0o10,
  1200: 0o11,
  1800: 0o12,
  2400: 0o13,
  4800: 0o14,
  9600: 0o15,
  19200: 0o16,
  38400: 0o17,
  57600: 0o10001,
  115200: 0o10002,
  230400: 0o10003,
  460800: 0o10004,
  921600: 0o10007,
};

const CSIZE = CS8;
const CBAUD = 0o10017;

/** The flags of a raw terminal with these settings. A character with wrong parity arrives as NUL, as the kernel does it. */
export function terminalFlags({ baud, dataBits, parity, stopBits }: LineSettings): TerminalFlags {
  const speed = SPEED_CODES[baud] ?? BOTHER;
  const size = dataBits === 7 ? CS7 : CS8;
  const check = parity === "none" ? 0 : PARENB | (parity === "odd" ? PARODD : 0);
  const stop = stopBits === 2 ? CSTOPB : 0;
  return {
    input: parity === "none" ? 0 : INPCK,
    control: CREAD | CLOCAL | HUPCL | speed | size | check | stop,
    baud,
  };
}

/** The settings that such flags mean. */
export function lineOf({ control, baud }: Pick<TerminalFlags, "control" | "baud">): LineSettings {
  return {
    baud,
    dataBits: (control & CSIZE) === CS7 ? 7 : 8,
    parity: control & PARENB ? (control & PARODD ? "odd" : "even") : "none",
    stopBits: control & CSTOPB ? 2 : 1,
  };
}

/** Offsets in struct termios2, the same on x86-64 and arm64. */
const OFFSET = { input: 0, control: 8, vmin: 17 + 6, inputBaud: 36, outputBaud: 40, bytes: 44 };

/** The struct termios2 of a raw terminal that a read never waits for. */
export function encodeTermios(flags: TerminalFlags): Uint8Array<ArrayBuffer> {
  const struct = new Uint8Array(OFFSET.bytes);
  const words = new DataView(struct.buffer);
  words.setUint32(OFFSET.input, flags.input, true);
  words.setUint32(OFFSET.control, flags.control, true);
  words.setUint32(OFFSET.inputBaud, flags.baud, true);
  words.setUint32(OFFSET.outputBaud, flags.baud, true);
  struct[OFFSET.vmin] = 1; // with 0, "nothing there" could not be told from a hang-up
  return struct;
}

/** The flags in a struct termios2; a speed's code counts more than its word, which older calls leave empty. */
export function decodeTermios(struct: Uint8Array): TerminalFlags {
  const words = new DataView(struct.buffer, struct.byteOffset);
  const control = words.getUint32(OFFSET.control, true);
  const coded = Object.entries(SPEED_CODES).find(([, code]) => code === (control & CBAUD));
  return {
    input: words.getUint32(OFFSET.input, true),
    control,
    baud: coded ? Number(coded[0]) : words.getUint32(OFFSET.outputBaud, true),
  };
}
