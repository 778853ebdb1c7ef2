/** How a meter wants to be spoken to: what wakes it, its speed, its pauses (IEC 62056-21, 6.4.3, 6.4.6, annex B). @module */
import { type Dialogue, pause } from "../dialogue.ts";
import { characterMs, type LineSettings, SIGN_ON_LINE } from "../line.ts";
import { type Manners, meterTypeNamed, meterTypeOf, type WakeUp } from "../meters/mod.ts";
import type { Identification } from "../telegram.ts";
import { acknowledgedCharacter, baudCharacterOf, baudOf } from "./modes.ts";

/** Sends what wakes a battery meter, and waits until it is awake; the pause begins when the last NUL is on the wire. */
export function* wake({ nuls, pauseMs }: WakeUp, line: LineSettings): Dialogue<void> {
  yield { kind: "send", bytes: new Uint8Array(nuls), leastMs: nuls * characterMs(line) };
  yield* pause(pauseMs);
}

/** Manners before anybody has answered: what is asked for wins over what the named type says. */
export function mannersBefore(given: Manners | undefined, type: string | undefined): Manners {
  return { ...type !== undefined && meterTypeNamed(type)?.manners, ...given };
}

/** Manners with a meter that has said who it is. */
export function mannersWith(given: Manners | undefined, identification: Identification): Manners {
  return { ...meterTypeOf(identification)?.manners, ...given };
}

/** What the speed of a session follows from. */
export interface SpeedOptions {
  readonly mode: "A" | "B" | "C";
  /** Of the sign-on. A port that does not sign on at 300 Bd has one speed, unless the policy says otherwise. */
  readonly line: LineSettings;
  /** Bound for the speed that is acknowledged. */
  readonly maxBaud?: number;
  readonly manners: Manners;
}

/** Z of the acknowledgement, and the speed behind it. */
export interface Speed {
  readonly character: string;
  readonly baud: number;
}

/** Which speed is agreed with a meter. */
export function speedOf(
  identification: Identification,
  { mode, line, maxBaud = Infinity, manners }: SpeedOptions,
): Speed {
  const { baudPolicy = line.baud === SIGN_ON_LINE.baud ? "negotiate" : "fixed", dataBaud } = manners;
  const stays = { character: "0", baud: line.baud };
  if (mode === "A" || baudPolicy === "none") return stays;
  const announced = dataBaud === undefined ? undefined : baudCharacterOf(mode, dataBaud);
  const its = announced === undefined ? identification : { ...identification, baudCharacter: announced };
  const bound = Math.min(maxBaud, typeof baudPolicy === "number" ? baudPolicy : Infinity);
  const character = mode === "C" ? acknowledgedCharacter(its, bound) : its.baudCharacter;
  if (baudPolicy === "fixed") return { character, baud: line.baud };
  return character === "0" ? stays : { character, baud: baudOf(mode, character) ?? line.baud };
}
