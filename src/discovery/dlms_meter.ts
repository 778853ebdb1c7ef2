/** A DLMS meter that was found: what it shows to the public client, whom every meter takes, and what that is worth. @module */
import type { Dialogue } from "../dialogue.ts";
import { accessTo, CLASS, type Client, type DescribedObject, describeObjects } from "../dlms/mod.ts";
import { RefusalError } from "../errors.ts";
import { parseObis, readObis } from "../obis/code.ts";
import { quantityOf } from "../obis/quantities.ts";

/** How a DLMS meter is asked; `push`: it is not, for it speaks by itself. */
export type DlmsWay = "push" | "hdlc" | "wrapper" | "sign-on";

/** A DLMS meter that was heard of. */
export interface FoundDlms {
  readonly way: DlmsWay;
  readonly url: string;
  /** Of the sign-on, where several share a line. */
  readonly address?: string;
  /** Its number on an HDLC line that several share. */
  readonly physical?: number;
  /** Why it says no more: it refuses us, or broke off. */
  readonly why?: string;
  /** What it shows without a password; absent: nothing. */
  readonly shown?: Shown;
}

/** What a meter shows without a password. */
export interface Shown {
  /** Its logical device name. */
  readonly device?: string;
  /** All that has a value, in the meter's order, each code once. */
  readonly values: readonly ShownValue[];
  /** Its load profile, if it has one, and whether its rows may be read. */
  readonly profile?: { readonly name: string; readonly isOpen: boolean };
}

/** A value, as `obis:` asks for it. */
export interface ShownValue {
  readonly obis: string;
  readonly text: string;
  readonly unit: string;
  /** Key of the quantity. */
  readonly name: string;
}

const DEVICE_NAME = parseObis("0-0:42.0.0");
const LOAD_PROFILE = parseObis("1-0:99.1.0");

/** Reads all that an association shows; `undefined`: it keeps the list of its objects to itself. */
export function* readShown(
  client: Client,
  onProgress: (done: number, all: number) => void,
): Dialogue<Shown | undefined> {
  try {
    return shownOf(yield* describeObjects(client, { onProgress }));
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    return undefined;
  }
}

function shownOf(objects: readonly DescribedObject[]): Shown {
  const values = objects.flatMap(({ name, value }, at): ShownValue[] => {
    if (!value || objects.findIndex((other) => other.name === name) !== at) return [];
    const code = readObis(name);
    return [{ obis: name, text: value.text, unit: value.unit, name: code ? quantityOf(code).name : "" }];
  });
  const device = values.find(({ obis }) => obis === DEVICE_NAME)?.text;
  const profile = objects.find(({ classId, name }) => classId === CLASS.profileGeneric && name === LOAD_PROFILE);
  return {
    ...device && { device },
    values,
    ...profile && { profile: { name: LOAD_PROFILE, isOpen: accessTo(profile.attributes, 2)?.read ?? false } },
  };
}

/** Whether it measures anything that the public client sees: else a password is needed. */
export function isOpen({ shown }: FoundDlms): boolean {
  return shown?.values.some(({ unit }) => unit !== "") ?? false;
}

/** A DLMS meter in words, and what reads it. */
export function describeDlms(meter: FoundDlms): string {
  const { way, url, address, physical, why, shown } = meter;
  const row = (name: string, text: string) => `  ${name.padEnd(15)} ${text}`;
  const said = why === undefined ? [] : [row("it says", why)];
  if (way === "push") {
    return [
      "A DLMS meter that speaks by itself",
      ...said,
      row("to hear it", `obisd listen '${url}' --mode E, with the meter's keys where it ciphers`),
    ].join("\n");
  }
  const to = `'${url}' --mode E${way === "sign-on" ? "" : ` --opening ${way}`}${
    address ? ` --address ${address}` : ""
  }${physical === undefined ? "" : ` --server 1/${physical}`}`;
  return [
    "A DLMS meter",
    ...said,
    ...shown?.device ? [row("device", shown.device)] : [],
    ...shown ? [row("shows", `${shown.values.length} values without a password`)] : [],
    ...shown?.profile ? [row("load profile", profileText(shown.profile))] : [],
    row("to read it", `obisd read ${to}`),
    ...isOpen(meter) ? [] : [row("", "with --client 1 --password ask, or what its operator tells you (docs/dlms.md)")],
    ...(shown?.values ?? []).map(({ obis, text, unit, name }) =>
      `${obis}  ${`${text} ${unit}`.trim()}  ${name}`.trimEnd()
    ),
  ].join("\n");
}

function profileText({ name, isOpen }: NonNullable<Shown["profile"]>): string {
  return isOpen ? `${name}, without a password` : `${name}, with a password`;
}
