/** A pushed message as the words of a telegram, so that it becomes readings like any other. @module */
import type { Cut, Dialogue, Finder, Inbox } from "../dialogue.ts";
import type { DataSet, Telegram } from "../telegram.ts";
import type { Notification } from "./notifications.ts";
import type { Framing, Push } from "./push.ts";
import { type PushedValue, pushedValues } from "./push_values.ts";
import { readValue } from "./values.ts";

/** First octets of what carries messages: the flag of HDLC, the start of M-Bus, the version of the wrapper. */
const [FLAG, START, VERSION] = [0x7e, 0x68, 1];

/** Waits for the first octets and says what carries them; noise before them is passed over. @throws {SilenceError} */
export function* framingOf(inbox: Inbox, withinMs: number): Dialogue<Framing> {
  const patience = { firstMs: withinMs, nextMs: withinMs, limitBytes: 1 << 13 };
  return (yield* inbox.take(findFraming, patience)).value;
}

const findFraming: Finder<Framing> = (bytes) => {
  for (let start = 0; start < bytes.length; start++) {
    const framing = framingAt(bytes, start);
    if (framing) return { start, end: start, value: framing };
  }
  return undefined;
};

function framingAt(bytes: Uint8Array, at: number): Framing | undefined {
  if (bytes[at] === FLAG) return "hdlc";
  if (bytes[at] === START && bytes[at + 3] === START) return "m-bus";
  return bytes[at] === 0 && bytes[at + 1] === VERSION ? "wrapper" : undefined;
}

/**
 * What a push says. A value without a name has its place as its address, `#3`, or the number that short names give it,
 * `#4096`: what it is stands in the maker's papers.
 */
export function pushTelegram({ notification }: Push, { value: bytes, atMs }: Cut<Uint8Array>): Telegram {
  const block = { sets: setsOf(notification), damaged: [], complete: true };
  return {
    ...{ mode: "E", block, check: { kind: "none", result: "good" } },
    ...{ atMs, bytes },
  };
}

function setsOf(notification: Notification): DataSet[] {
  if ("attribute" in notification) {
    return [{ address: notification.attribute.name, values: [wordsOf(readValue(notification.data))] }];
  }
  if ("names" in notification) {
    const { names, data } = notification;
    return names.map((name, at) => ({ address: `#${name}`, values: [wordsOf(readValue(data[at]!))] }));
  }
  return pushedValues(notification.data).map((value) => ({
    address: addressOf(value),
    values: [wordsOf(value.value)],
  }));
}

function addressOf({ name, place }: PushedValue): string {
  return name ?? `#${place}`;
}

function wordsOf({ text, unit }: PushedValue["value"]) {
  return { text, ...unit !== "" && { unit } };
}
