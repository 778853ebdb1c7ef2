/** What fits a DLMS meter that speaks by itself: that calls in (`tcp-listen://`), or pushes on a line. @module */
import { type DlmsSettings, neededKeys, PUSH } from "../dlms_settings.ts";
import { parseObis } from "../obis/code.ts";
import type { DraftDlms } from "./dlms.ts";
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
const OF_DLMS = [
  "opening",
  "suite",
  "meter_title",
  "encryption_key",
  "authentication_key",
  "accept_unauthenticated",
];

/** Reports what does not fit. `others`: all meters that call in there. */
export function checkCalls(meter: DlmsNeighbours, others: readonly DlmsNeighbours[], report: Report): void {
  const { path, mode, dlms, givenDlms } = meter;
  if (mode !== undefined && mode !== "E") {
    return report.fault([...path, "mode"], `a line that takes calls hears DLMS meters: mode: E, not ${mode}`);
  }
  if (givenDlms.includes("opening") && dlms?.opening !== PUSH) {
    report.fault([...path, "dlms", "opening"], "who calls in speaks by itself: push, or nothing", "key");
  }
  checkSpeaker(meter, report);
  if (others.length > 1 && !givenDlms.includes("meter_title")) {
    report.fault(
      path,
      `dlms.meter_title is missing: ${others.length} meters call in there, and nothing else tells them apart`,
    );
  }
}

/** Reports what does not fit a meter that pushes on its line. */
export function checkPushes(meter: DlmsNeighbours, report: Report): void {
  const { path, mode } = meter;
  if (mode !== undefined && mode !== "E") {
    return report.fault([...path, "dlms", "opening"], `push is of mode: E, and the meter's mode is ${mode}`, "key");
  }
  checkSpeaker(meter, report);
}

function checkSpeaker({ path, given, dlms, givenDlms, obis = [] }: DlmsNeighbours, report: Report): void {
  const fault = (option: string, message: string) => report.fault([...path, ...option.split(".")], message, "key");
  const foreign = [
    ...given.filter((option) => !OF_METER.includes(option)),
    ...givenDlms.filter((option) => !OF_DLMS.includes(option)).map((option) => `dlms.${option}`),
  ];
  for (const option of foreign) fault(option, "it is for a meter that is asked, and this one speaks by itself");
  const code = obis.find((code) => parseObis(code) === "" && !/^#\d+$/.test(code));
  if (code !== undefined) fault("obis", `${JSON.stringify(code)} is no OBIS code, and no place in a message: #3`);
  if (dlms) checkKeys(dlms, givenDlms, fault);
}

/** Both keys or none; one alone where nothing is authenticated. */
function checkKeys(dlms: DraftDlms, given: readonly string[], fault: (option: string, message: string) => void): void {
  const isLenient = dlms.accept_unauthenticated === true;
  if (!given.includes("encryption_key") && !given.includes("authentication_key")) {
    if (isLenient) fault("dlms.accept_unauthenticated", "without encryption_key messages come in plain");
    return;
  }
  const settings = { suite: 0, ...dlms, security: "both" } as Pick<DlmsSettings, "suite" | "security">;
  const needed = neededKeys(settings, "none");
  for (
    const [option, key] of [["encryption_key", "encryptionKey"], ["authentication_key", "authenticationKey"]] as const
  ) {
    if (given.includes(option)) checkKey(dlms, option, needed.get(key)!, fault);
    else if (option === "encryption_key" || !isLenient) {
      fault("dlms", `${option} is missing: messages are ciphered with both keys`);
    }
  }
}
