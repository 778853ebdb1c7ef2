/** What faults make of a meter's messages: the traps into which real meters and real wires have led their readers. @module */
import { blockCheck } from "../iec62056/bcc.ts";
import { STX, toBytes, toText } from "../iec62056/characters.ts";
import { encodeDataMessage } from "../iec62056/messages.ts";
import { type Faults, noise, withFlippedDigit, withWrongCheck, withWrongCrc } from "./faults.ts";

/** An identification has 20 characters or so; some have more. */
const LONG = 60;
/** What some ports send while they wake, and some converters while they idle. */
const FILLERS = Uint8Array.of(0x00, 0x7f, 0xff, 0x00, 0x7f, 0xff, 0x00);

/** An identification line, CR LF behind it, as the faults leave it. */
export function distortedIdentification(line: Uint8Array, faults: Faults): Uint8Array {
  if (faults.strike("garbage", (argument) => argument === undefined || argument === "ident")) return noise(20);
  let text = toText(line).trimEnd();
  const z = faults.strike("z")?.argument;
  if (z !== undefined) text = text.slice(0, 4) + z + text.slice(5);
  if (faults.strike("announce-e")) text = `${text.slice(0, 5)}\\2${text.slice(5)}`;
  const form = faults.strike("ident")?.argument;
  if (form === "long") text = text.padEnd(LONG, "X");
  const end = { blanks: "         \r\n", lf: "\n", cr: "\r" }[form ?? ""] ?? "\r\n";
  return withLead(toBytes(text + end), faults);
}

/** A data message, or what is pushed, as the faults leave it. */
export function distortedMessage(
  message: Uint8Array,
  faults: Faults,
  { pushed }: { readonly pushed: boolean },
): Uint8Array {
  let bytes = withOtherLines(message, faults);
  if (faults.strike("flip-digit")) bytes = withFlippedDigit(bytes);
  if (!pushed && faults.strike("bad-bcc")) bytes = withWrongCheck(bytes);
  if (pushed && faults.strike("wrong-crc")) bytes = withWrongCrc(bytes);
  if (bytes[0] === STX && faults.strike("drop-stx")) bytes = bytes.subarray(1);
  if (!pushed) bytes = withoutEnd(bytes, faults);
  const first = faults.strike("drop-first");
  if (first) bytes = bytes.subarray(Number(first.argument ?? 3));
  if (faults.strike("no-cr")) bytes = withoutCarriageReturns(bytes);
  if (faults.strike("garbage", (argument) => argument === "data")) bytes = noise(bytes.length);
  const lead = faults.strike("lead");
  if (lead) bytes = toBytes((lead.argument === "lf" ? "\r\n\n\n" : "\x06\r\n") + toText(bytes));
  return withLead(bytes, faults);
}

function withLead(message: Uint8Array, faults: Faults): Uint8Array {
  if (faults.strike("garbage", (argument) => argument === "fill")) return Uint8Array.of(...FILLERS, ...message);
  if (!faults.strike("garbage", (argument) => argument === "before")) return message;
  return Uint8Array.of(...noise(16), ...message);
}

/** Its line ends elsewhere, its check character made anew. */
function withOtherLines(message: Uint8Array, faults: Faults): Uint8Array {
  const bang = faults.strike("bang");
  const oneLine = faults.strike("one-line");
  if (!bang && !oneLine || message[0] !== STX) return message;
  let block = toText(message.subarray(1, -2));
  if (oneLine) block = block.replace(/\)\r\n(?!!)/g, ")");
  if (bang) block = block.replace(/\r\n$/, "");
  if (bang?.argument === "inline") block = block.replace(/\r\n!/, "!");
  const isXor = blockCheck(message.subarray(1, -1)) === (message.at(-1)! & 0x7f);
  return encodeDataMessage(block, isXor ? "xor" : "sum7");
}

function withoutEnd(message: Uint8Array, faults: Faults): Uint8Array {
  if (faults.strike("drop-etx")) return Uint8Array.of(...message.subarray(0, -2), message.at(-1)!);
  if (faults.strike("drop-bcc")) return message.subarray(0, -1);
  return faults.strike("drop-end") ? message.subarray(0, -2) : message;
}

function withoutCarriageReturns(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte) => byte !== 0x0d);
}
