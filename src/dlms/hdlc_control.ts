/** The octet that says what an HDLC frame is for (IEC 62056-46, 6.4.3). @module */

/** Frames that carry no number. */
export type UnnumberedKind = "SNRM" | "DISC" | "UA" | "DM" | "FRMR" | "UI";

/** What a frame is for. `poll`: the other side may answer now (a command), or this is the last of an answer. */
export type Control =
  /** Information: `send` numbers it, `receive` is the next number that is expected, both modulo 8. */
  | { readonly kind: "I"; readonly send: number; readonly receive: number; readonly poll: boolean }
  /** Ready, not ready to receive. */
  | { readonly kind: "RR" | "RNR" | "REJ"; readonly receive: number; readonly poll: boolean }
  | { readonly kind: UnnumberedKind; readonly poll: boolean };

const UNNUMBERED: Readonly<Record<UnnumberedKind, number>> = {
  UI: 0x03,
  DM: 0x0f,
  DISC: 0x43,
  UA: 0x63,
  SNRM: 0x83,
  FRMR: 0x87,
};

const SUPERVISORY = { RR: 0x01, RNR: 0x05, REJ: 0x09 } as const;

const POLL = 0x10;

/** The octet. */
export function encodeControl(control: Control): number {
  const poll = control.poll ? POLL : 0;
  if (control.kind === "I") return control.receive << 5 | poll | control.send << 1;
  if ("receive" in control) return control.receive << 5 | poll | SUPERVISORY[control.kind];
  return UNNUMBERED[control.kind] | poll;
}

/** What the octet says; `undefined`: nothing that this profile knows. */
export function decodeControl(octet: number): Control | undefined {
  const poll = (octet & POLL) !== 0;
  const receive = octet >> 5;
  if ((octet & 1) === 0) return { kind: "I", send: octet >> 1 & 7, receive, poll };
  for (const kind of ["RR", "RNR", "REJ"] as const) {
    if ((octet & 0x0f) === SUPERVISORY[kind]) return { kind, receive, poll };
  }
  const kind = (Object.keys(UNNUMBERED) as UnnumberedKind[]).find((kind) => UNNUMBERED[kind] === (octet & ~POLL));
  return kind && { kind, poll };
}

/** What FRMR tells: the control octet that was rejected, and why in words (IEC 62056-46, 6.4.4.3.10). */
export function explainFrameReject(information: Uint8Array): string {
  const [rejected = 0, , reasons = 0] = information;
  const words = ["an unknown control octet", "information where none may be", "information too long"];
  const found = words.filter((_, bit) => reasons & 1 << bit);
  if (reasons & 0x18) found.push("a sequence number out of turn");
  const octet = rejected.toString(16).toUpperCase().padStart(2, "0");
  return `control octet ${octet} rejected: ${found.join(", ") || "no reason given"}`;
}
