/** What fits a meter that calls in by itself (`tcp-listen://`). @module */
import { type DlmsSettings, neededKeys } from "../dlms_settings.ts";
import { parseObis } from "../obis/code.ts";
import { checkKey, type DlmsNeighbours } from "./dlms_rules.ts";
import type { Report } from "./report.ts";

/** Options of a meter, and of its `dlms:`, that are of use there. */
const OF_METER = [
  "name",
  "line",
  "mode",
  "every",
  "cron",
  "time_zone",
  "obis",
  "labels",
  "expect",
  "timestamp",
  "dlms",
];
const OF_DLMS = ["suite", "meter_title", "encryption_key", "authentication_key"];

/** Reports what does not fit. `others`: all meters that call in there. */
export function checkCalls(meter: DlmsNeighbours, others: readonly DlmsNeighbours[], report: Report): void {
  const { path, mode, given, dlms, givenDlms, obis = [] } = meter;
  const fault = (option: string, message: string) => report.fault([...path, ...option.split(".")], message, "key");
  if (mode !== undefined && mode !== "E") {
    return report.fault([...path, "mode"], `a line that takes calls hears DLMS meters: mode: E, not ${mode}`);
  }
  for (const option of given) {
    if (!OF_METER.includes(option)) fault(option, "it is for a meter that is asked, and this one calls by itself");
  }
  for (const option of givenDlms) {
    if (!OF_DLMS.includes(option)) {
      fault(`dlms.${option}`, "it is for a meter that is asked, and this one calls by itself");
    }
  }
  const code = obis.find((code) => parseObis(code) === "" && !/^#\d+$/.test(code));
  if (code !== undefined) fault("obis", `${JSON.stringify(code)} is no OBIS code, and no place in a message: #3`);
  if (others.length > 1 && !givenDlms.includes("meter_title")) {
    report.fault(
      path,
      `dlms.meter_title is missing: ${others.length} meters call in there, and nothing else tells them apart`,
    );
  }
  if (!dlms || !givenDlms.includes("encryption_key") && !givenDlms.includes("authentication_key")) return;
  const settings = { suite: 0, ...dlms, security: "both" } as Pick<DlmsSettings, "suite" | "security">;
  for (const option of ["encryption_key", "authentication_key"] as const) {
    const octets = neededKeys(settings, "none").get(
      option === "encryption_key" ? "encryptionKey" : "authenticationKey",
    )!;
    if (givenDlms.includes(option)) checkKey(dlms, option, octets, fault);
    else fault("dlms", `${option} is missing: messages are ciphered with both keys`);
  }
}
