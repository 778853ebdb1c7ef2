/** `obisd set` in mode E: writes one attribute of a DLMS meter, in the type that it has. @module */
import type { Dialogue } from "../dialogue.ts";
import {
  type AttributeReading,
  CLASS,
  type Client,
  type Data,
  decodeDateTime,
  encodeText,
  equal,
  instantOf,
  integer,
  octetsOf,
  readScalerUnit,
  scalerUnitAttribute,
  textOf,
} from "../dlms/mod.ts";
import { RefusalError, SilenceError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { audit, consent } from "./audit.ts";
import type { Arguments, Context } from "./command.ts";
import { openDlms } from "./dlms_session.ts";
import { attributeHeld, wantedAttribute } from "./get_dlms.ts";
import type { Target } from "./target.ts";

/** A clock that was set is read back within this. */
const CLOCK_RUNS_MS = 60_000;

/** Methods of a breaker, and the state in which it waits for its button to be pressed (class 70). */
const [DISCONNECT, RECONNECT] = [1, 2];
const READY = "2";

/** What is to be written where. */
export interface Wish {
  /** As on the command line: the meter, the attribute, the value. */
  readonly what: string;
  readonly register: string;
  readonly value: string;
}

/** Writes and reads back, once a person agrees. Returns the exit code. */
export async function setDlms(target: Target, wish: Wish, args: Arguments, context: Context): Promise<number> {
  const { what, register, value } = wish;
  const attribute = wantedAttribute(register);
  const { log, print } = context;
  const meter = await openDlms(target, args, context);
  if (args.values.yes !== true) {
    const held = await meter.session(({ client }) => attributeHeld(client, attribute));
    await consent(args, `${register} of ${what} ${holding(held)}. Write ${value}?`, context);
  }
  const deed = { meter: target.name ?? what, command: `SET ${register}`, wanted: value };
  let [old, now]: (string | undefined)[] = [];
  let [differs, isReady] = [false, false];
  try {
    await meter.session(function* ({ client }) {
      const before = yield* attributeHeld(client, attribute);
      old = shown(before);
      const data = yield* encoded(client, before, wish);
      yield* put(client, before.reference, data);
      const after = yield* attributeHeld(client, { ...attribute, classId: before.reference.classId });
      now = shown(after);
      differs = after.refused === undefined && !isSame(after.data, data);
      isReady = differs && isBreaker(before.reference) && (yield* stateOf(client, before.reference)) === READY;
    });
  } catch (error) {
    if (!(error instanceof UsageError)) {
      audit(log, { ...deed, old, now }, error instanceof SilenceError ? "not known" : (error as Error).message);
    }
    throw error;
  }
  audit(
    log,
    { ...deed, old, now },
    isReady ? "ready for reconnection" : differs ? "it holds something else" : "written",
  );
  print(`before  ${old ?? "(cannot be read)"}\nnow     ${now ?? "(cannot be read)"}`);
  if (isReady) log.info(`${deed.meter} is ready for reconnection: a person closes it by the meter's button`);
  if (!differs || isReady) return EXIT.ok;
  throw new RefusalError(`${deed.meter} took ${value} for ${register}, but it holds ${now}`);
}

function isBreaker({ classId, id }: AttributeReading["reference"]): boolean {
  return classId === CLASS.disconnectControl && id === 2;
}

/** The control_state of a breaker; `undefined`: it does not say. */
function* stateOf(client: Client, reference: AttributeReading["reference"]): Dialogue<string | undefined> {
  const got = yield* client.get({ ...reference, id: 3 });
  return "data" in got ? textOf(got.data) : undefined;
}

/** A breaker's state is nothing to write: it is switched (class 70, remote_disconnect and remote_reconnect). */
function* put(client: Client, reference: AttributeReading["reference"], data: Data): Dialogue<void> {
  if (!isBreaker(reference)) return yield* client.set(reference, data);
  const id = data.type === "boolean" && data.value ? RECONNECT : DISCONNECT;
  yield* client.action({ ...reference, id }, integer("integer", 0));
}

/** @throws {RefusalError} what it holds cannot be read, so that its type is not known @throws {UsageError} it has another type */
function* encoded(
  client: Client,
  { refused, reference, data }: AttributeReading,
  { register, value }: Wish,
): Dialogue<Data> {
  if (refused !== undefined) {
    throw new RefusalError(`Cannot write ${register}: what it holds cannot be read (${refused}), and so not its type`);
  }
  const at = scalerUnitAttribute(reference.classId, reference.id);
  const got = at === undefined ? undefined : yield* client.get({ ...reference, id: at });
  const scalerUnit = got && "data" in got ? readScalerUnit(got.data) : undefined;
  try {
    return encodeText(value, data, scalerUnit);
  } catch (error) {
    throw new UsageError(`Cannot write ${JSON.stringify(value)} to ${register}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function holding(held: AttributeReading): string {
  const text = shown(held);
  return text === undefined ? `cannot be read (${held.refused})` : `holds ${text}`;
}

function shown({ refused, value }: AttributeReading): string | undefined {
  return refused === undefined ? `${value.text} ${value.unit}`.trim() : undefined;
}

/** Whether it holds what was written: the same octets, number or truth; of a clock, which runs on, a moment nearby. */
function isSame(held: Data, written: Data): boolean {
  const octets = [held, written].map(octetsOf);
  if (!octets[0] || !octets[1]) return textOf(held) === textOf(written);
  const [one, other] = octets.map((each) => instantOf(decodeDateTime(each!) ?? {}, { deviationMinutes: 0 }));
  if (one !== undefined && other !== undefined) return Math.abs(one - other) <= CLOCK_RUNS_MS;
  return equal(octets[0], octets[1]);
}
