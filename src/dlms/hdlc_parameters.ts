/** How long frames may be and how many may be on their way: proposed in SNRM, settled in UA (IEC 62056-46, 6.4.4.4). @module */
import { Reader, Writer } from "./octets.ts";

/** Each as seen by the side that says it. */
export interface LinkParameters {
  /** Octets of information in a frame: 32 to 2030. */
  readonly maxSend: number;
  readonly maxReceive: number;
  /** Frames without an acknowledgement: 1 to 7. */
  readonly windowSend: number;
  readonly windowReceive: number;
}

/** What holds when nobody says anything. */
export const DEFAULT_PARAMETERS: LinkParameters = { maxSend: 128, maxReceive: 128, windowSend: 1, windowReceive: 1 };

const [FORMAT, GROUP] = [0x81, 0x80];
const IDS = { 5: "maxSend", 6: "maxReceive", 7: "windowSend", 8: "windowReceive" } as const;

/** The information field of SNRM and UA. Sizes take one octet or two as they need; windows take four, as everybody does. */
export function encodeParameters({ maxSend, maxReceive, windowSend, windowReceive }: LinkParameters): Uint8Array {
  const group = new Writer();
  for (const [id, size] of [[5, maxSend], [6, maxReceive]] as const) {
    if (size > 0xff) group.put(id, 2).integer(size, 2);
    else group.put(id, 1, size);
  }
  for (const [id, window] of [[7, windowSend], [8, windowReceive]] as const) group.put(id, 4).integer(window, 4);
  return new Writer().put(FORMAT, GROUP).octets(group.bytes).bytes;
}

/**
 * What an information field says, the defaults for the rest. Unknown parameters are passed over, values out of range
 * brought into it; 0 means the default. @throws {ProtocolError} lengths that lie
 */
export function decodeParameters(information: Uint8Array): LinkParameters {
  const found = { ...DEFAULT_PARAMETERS };
  const reader = new Reader(information, "the link parameters");
  if (reader.left < 3 || reader.unsigned(1) !== FORMAT || reader.unsigned(1) !== GROUP) return found;
  const group = new Reader(reader.octets(), "the link parameters");
  while (group.left > 0) {
    const name = IDS[group.unsigned(1) as keyof typeof IDS];
    let value = 0;
    for (const octet of group.octets()) value = value * 256 + octet;
    if (name && value > 0) found[name] = name.startsWith("max") ? within(value, 16, 2030) : within(value, 1, 7);
  }
  return found;
}

function within(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

/** What holds for us: the smaller of what we propose and what the other side, whose sending is our receiving, settles on. */
export function settle(proposed: LinkParameters, answer: LinkParameters): LinkParameters {
  return {
    maxSend: Math.min(proposed.maxSend, answer.maxReceive),
    maxReceive: Math.max(answer.maxSend, DEFAULT_PARAMETERS.maxReceive),
    windowSend: Math.min(proposed.windowSend, answer.windowReceive),
    windowReceive: answer.windowSend,
  };
}
