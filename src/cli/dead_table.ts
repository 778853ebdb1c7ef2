/** Dead letters for people and for programs. @module */
import { toJsonLine, visible } from "../format.ts";
import type { Letter } from "../journal.ts";
import { table } from "./status_table.ts";

/** One line each. */
export function formatLetters(letters: readonly Letter[]): string {
  const head = ["number", "sink", "refused", "meter", "address", "value", "time", "why"];
  return table(head, letters.map(rowOf)).join("\n");
}

function rowOf({ id, sink, atMs, reason, again, reading }: Letter): string[] {
  const { meter, address, text, unit, time } = reading ?? { meter: "?", address: "?", text: "?", unit: "", time: "" };
  return [
    ...[String(id), sink, formatTime(new Date(atMs).toISOString())],
    ...[visible(meter), visible(address), visible(`${text} ${unit}`.trim()), time === "" ? "?" : formatTime(time)],
    visible(again ? `waits to be offered again; before: ${reason}` : reason),
  ];
}

/** All of it. */
export function formatLetterWhole({ id, sink, seq, atMs, reason, again, reading, text }: Letter): string {
  const rows: [string, string][] = [
    ["letter", `${id} of ${sink}, from readout ${seq}`],
    ["refused", formatTime(new Date(atMs).toISOString()) + (again ? ", waits to be offered again" : "")],
    ["why", visible(reason)],
    reading ? ["reading", toJsonLine(reading)] : ["left of it", visible(text)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(10)}  ${value}`).join("\n");
}

/** One line of JSON. */
export function letterAsJson({ id, sink, seq, atMs, reason, again, reading, text }: Letter): string {
  const refused = new Date(atMs).toISOString();
  const its = reading ? { reading } : { reading: null, left_of_it: text };
  return toJsonLine({ number: id, sink, readout: seq, refused, reason, waits_for_retry: again, ...its });
}

function formatTime(time: string): string {
  return time.slice(0, 19).replace("T", " ") + "Z";
}
