/** The settings of a wire: speed and character format. @module */

/** Parity of a character on the wire. */
export type Parity = "none" | "even" | "odd";

/** What both ends of a wire must agree on before a character can pass. */
export interface LineSettings {
  /** Bits per second on the wire, e.g. 300. */
  readonly baud: number;
  readonly dataBits: 7 | 8;
  readonly parity: Parity;
  readonly stopBits: 1 | 2;
}

/** The format in which every session of modes A, B, C and E begins: 300 Bd, 7 data bits, even parity, 1 stop bit. */
export const SIGN_ON_LINE: LineSettings = { baud: 300, dataBits: 7, parity: "even", stopBits: 1 };

/** The format in which mode D pushes, unless configured otherwise: 2400 Bd 7E1. */
export const PUSH_LINE: LineSettings = { ...SIGN_ON_LINE, baud: 2400 };

/** Milliseconds that one character takes on the wire: start bit, data, parity, stop bits. */
export function characterMs(line: LineSettings): number {
  const bits = 1 + line.dataBits + (line.parity === "none" ? 0 : 1) + line.stopBits;
  return (bits * 1000) / line.baud;
}

/** `300 7E1`. */
export function formatLine(line: LineSettings): string {
  return `${line.baud} ${line.dataBits}${line.parity[0]!.toUpperCase()}${line.stopBits}`;
}
