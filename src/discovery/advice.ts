/** What a configuration that was written says in comments: what could be had of a meter besides, and what is to be filled in. @module */
import type { About } from "./about.ts";
import { type FoundDlms, isOpen } from "./dlms_meter.ts";

/** What may be had of it besides, if a person wants to. */
export function furtherWays({ profile, openProfile, offersModeE }: About, name: string): string[] {
  return [
    ...profile !== undefined && !openProfile
      ? [
        "It has a load profile, which it did not show without a password:",
        `backfill: { profile: ${profile} }`,
        `password: { credential: ${name}-password }`,
      ]
      : [],
    ...offersModeE ? ["It offers DLMS too: mode: E instead, and dlms: as docs/dlms.md says."] : [],
  ];
}

/** What a person still has to say of a DLMS meter. */
export function toFillIn(meter: FoundDlms, name: string): string[] {
  const { way, physical, shown } = meter;
  if (way === "push") {
    return [
      `Where it ciphers: dlms: { opening: push, encryption_key: { credential: ${name}-encryption } }`,
      "and authentication_key: where it has one. Absent every, each message is kept.",
    ];
  }
  const number = physical === undefined ? "" : `physical: ${physical}, `;
  const opening = way === "sign-on" ? "" : `opening: ${way}, ${number}`;
  const profile = shown?.profile?.isOpen === false
    ? [`backfill: { profile: "${shown.profile.name}" } # with its password`]
    : [];
  if (isOpen(meter)) return profile;
  return [
    "Without a password it shows no register. Fill in what its operator tells you, then obisd objects lists its codes:",
    `password: { credential: ${name}-password }`,
    `dlms: { ${opening}client: 1 } # where it ciphers, security: both, its keys and client_title too`,
    'obis: ["1-0:1.8.0*255", "1-0:2.8.0*255"]',
    ...profile,
  ];
}
