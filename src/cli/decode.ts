/** `obisd decode`: what a captured telegram says. @module */
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { decodeTelegrams, explainSml, isSml } from "../iec62056/mod.ts";
import type { Log } from "../log.ts";
import { normalise, profileRows } from "../normalise.ts";
import type { Telegram } from "../telegram.ts";
import type { Command } from "./command.ts";
import { useOwnMeterTypes } from "./target.ts";
import { parseFormat, present } from "./present.ts";

/** Reads a file or standard input and prints the readings of every telegram in it. */
export const decode: Command = {
  summary: "print the readings of a captured telegram",
  help: `obisd decode [FILE|-] [OPTIONS]

Prints the readings of every telegram in FILE, or on standard input. What is whole is printed; what is damaged is
flagged (bcc-wrong, crc-wrong, incomplete) or told on standard error, and the exit code is 65.

  --format FORMAT      table (default), json (one reading a line) or csv
  --time TIME          when the telegram came, RFC 3339 (default: now)
  --name NAME          the meter's name (default: its identification)
  --meters DIR         files about further types of meters; default meters/ beside the configuration

  obisd decode demo/household.txt --format json | jq .value`,
  options: {
    format: { type: "string" },
    time: { type: "string" },
    name: { type: "string" },
    meters: { type: "string" },
  },

  async run({ values, positionals }, { log, print }) {
    if (positionals.length > 1) throw new UsageError(`decode takes one FILE, not ${positionals.length}`);
    const format = parseFormat(values.format);
    const atMs = parseTime(values.time);
    await useOwnMeterTypes(values);
    const bytes = await input(positionals[0]);
    const telegrams = decodeTelegrams(bytes);
    if (telegrams.length === 0) {
      const why = isSml(bytes) ? explainSml(bytes) : "no data set found in it";
      log.error(`Cannot decode ${positionals[0] ?? "standard input"}: ${why}`);
      return EXIT.damaged;
    }
    const meter = values.name === undefined ? {} : { meter: values.name as string };
    const text = present(telegrams.flatMap((telegram) => normalise({ ...telegram, atMs }, meter)), format);
    if (text !== "") print(text);
    return telegrams.map((telegram) => remark(telegram, log)).includes(true) ? EXIT.damaged : EXIT.ok;
  },
};

/** Says on standard error what the readings do not show. Whether the telegram is damaged. */
function remark(telegram: Telegram, log: Log): boolean {
  const { block: { damaged, complete }, check } = telegram;
  for (const { text, reason } of damaged) log.warning(`Cannot read data line ${JSON.stringify(text)}: ${reason}`);
  const rows = profileRows(telegram);
  if (rows > 0) log.info(`${rows} rows of a load profile or log book are no readings`);
  if (!complete) log.warning("The telegram has no end");
  if (check.result === "wrong") log.warning(`${check.kind === "crc" ? "CRC" : "Block check character"} wrong`);
  return !complete || check.result === "wrong" || damaged.length > 0 && check.result !== "good";
}

function parseTime(text: unknown): number {
  if (text === undefined) return Date.now();
  const atMs = Date.parse(text as string);
  if (Number.isNaN(atMs) || !/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/i.test(text as string)) {
    throw new UsageError(`--time ${text}: a time like 2026-06-01T12:00:00Z is wanted (RFC 3339)`);
  }
  return atMs;
}

async function input(file: string | undefined): Promise<Uint8Array> {
  if (file !== undefined && file !== "-") return await Deno.readFile(file);
  return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
}
