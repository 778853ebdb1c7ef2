/** What a meter that was found is, in words and for programs. @module */
import { baudOf, modeOf, offersModeE, visible } from "../iec62056/mod.ts";
import { meterTypeOf } from "../meters/mod.ts";
import { normalise } from "../normalise.ts";
import { readObis } from "../obis/code.ts";
import { quantityOf } from "../obis/quantities.ts";
import type { Reading } from "../reading.ts";
import type { Found } from "./probe.ts";

/** A found meter, explained. */
export interface About extends Omit<Found, "identification" | "telegram" | "mode"> {
  /** The whole line with which it says who it is. */
  readonly identification: string;
  readonly maker: string;
  /** What a file of `config/meters/` calls it; absent: nobody has written one. */
  readonly type?: string;
  readonly mode: "A" | "B" | "C" | "D";
  /** The speed of its data, Bd; absent: it announces none. */
  readonly baud?: number;
  /** Whether it offers DLMS as well. */
  readonly offersModeE: boolean;
  /** Registers that say which meter it is, and what they say. */
  readonly identities: readonly { readonly address: string; readonly text: string }[];
  readonly readings: readonly Reading[];
  /** Of its telegram, with check characters. */
  readonly bytes: number;
  /** The load profile that meters of this type have. */
  readonly profile?: string;
}

/** Explains a found meter. */
export function about({ identification, telegram, mode: asked, ...found }: Found): About {
  const readings = telegram ? normalise(telegram) : [];
  const type = meterTypeOf(identification);
  const mode = asked === "D" ? "D" : telegram?.mode === "E" ? "C" : telegram?.mode ?? modeOf(identification);
  const offered = baudOf(mode, identification.baudCharacter);
  const baud = offered !== undefined && /[?&]max_baud=300$/.test(found.url) ? 300 : offered;
  return {
    ...found,
    identification: visible(identification.line),
    maker: identification.maker,
    ...type && { type: type.name },
    mode,
    ...baud !== undefined && { baud },
    offersModeE: offersModeE(identification),
    identities: readings.filter(isIdentity).map(({ address, text }) => ({ address, text })),
    readings,
    bytes: telegram?.bytes.length ?? 0,
    ...type?.profile?.address !== undefined && { profile: type.profile.address },
  };
}

/** Serial numbers, the first of which a configuration may expect. */
function isIdentity({ address, index, text }: Reading): boolean {
  const code = readObis(address);
  return index === 0 && code !== undefined && quantityOf(code).kind === "identity" && text.trim() !== "";
}

/** Lines for a person, without the readings. */
export function describeAbout(its: About): string[] {
  const { mode, baud, echo, identities, profile } = its;
  const speed = mode === "D" || baud === undefined ? "" : `, data at ${baud} Bd`;
  const row = (name: string, text: string) => `  ${name.padEnd(15)} ${text}`;
  return [
    its.type ?? `A meter of ${its.maker}`,
    row("identification", its.identification),
    row("mode", `${mode}${speed}${its.offersModeE ? "; offers DLMS too: obisd read --mode E" : ""}`),
    row("endpoint", its.url),
    ...its.address === undefined ? [] : [row("address", its.address)],
    ...identities.length === 0
      ? []
      : [row("identity", identities.map(({ address, text }) => `${address} = ${text}`).join(", "))],
    ...its.failure === undefined
      ? [row("data", `${its.readings.length} values, ${its.bytes} bytes in ${(its.tookMs / 1000).toFixed(1)} s`)]
      : [row("data", `could not be read: ${its.failure}`)],
    ...its.openProfile
      ? [row("load profile", `${its.openProfile.address}, each ${its.openProfile.minutes} min, without a password`)]
      : profile === undefined
      ? []
      : [row("load profile", `${profile}, which it did not show without a password`)],
    ...echo ? [row("echo", "what is sent comes back; obisd takes it out")] : [],
  ];
}
