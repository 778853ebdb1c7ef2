/** What a client reads, writes and has done by the objects of a meter, block by block where it is long (Green Book, 9.3). @module */
import type { Dialogue } from "../dialogue.ts";
import { ProtocolError, RefusalError } from "../errors.ts";
import type { ActionResult } from "./action.ts";
import { type Association, CURRENT_ASSOCIATION } from "./association.ts";
import { decodeData, type ReadDataOptions } from "./axdr.ts";
import type { Data } from "./data.ts";
import { type Asking, fetchByName, fetchByNumber, type Fetched, fetchList, fetchNumbers } from "./fetching.ts";
import { CONFORMANCE } from "./initiate.ts";
import { Collected, Elements, type Intake } from "./long_values.ts";
import { type ListedObject, readObjectList } from "./objects.ts";
import type { AttributeReference, Reference, Result } from "./references.ts";
import { explainResult } from "./refusals.ts";
import { shortMethod, shortName } from "./short_names.ts";
import { actByName, actByNumber, setByName, writeByNumber } from "./writing.ts";

/** How to read one attribute. */
export interface GetOptions extends ReadDataOptions {
  /** For the first octet of each answer; long lists take a meter a while. */
  readonly withinMs?: number;
}

/** A value or an error, and when its first octet came: ms since 1970. */
export type Got = Result & { readonly atMs: number };

/** How many elements came, or an error before the first. */
export type Counted = ({ readonly count: number } | { readonly error: number }) & { readonly atMs: number };

/** Long lists and profiles: some meters think before they answer. */
const LONG_MS = 15_000;

const OBJECT_UNDEFINED = 4;
const [TEMPORARY_FAILURE, BLOCK_UNAVAILABLE, BLOCK_NUMBER_INVALID] = [2, 14, 19];
/** Worth one more try: what went wrong was in between. */
const PASSING = new Set([TEMPORARY_FAILURE, BLOCK_UNAVAILABLE, BLOCK_NUMBER_INVALID]);

/** Octets of a request around the raw octets of its block, and of a cipher around both. */
const BLOCK_OVERHEAD = 64;

/** An attribute in a list of them: class, name, id, no selection. */
const ATTRIBUTE_OCTETS = 10;

/** The objects of a meter as one association shows them. */
export class Client {
  readonly #association: Association;
  #objects: readonly ListedObject[] | undefined;

  constructor(association: Association) {
    this.#association = association;
  }

  /** Reads an attribute, once more where the meter says that it may be better then. @throws {SilenceError} {ProtocolError} */
  *get(attribute: AttributeReference, options: GetOptions = {}): Dialogue<Got> {
    const got = yield* this.#getOnce(attribute, options);
    return "error" in got && PASSING.has(got.error) ? yield* this.#getOnce(attribute, options) : got;
  }

  /**
   * Reads several attributes: with one question where the meter has said that it takes that, so that they are of one
   * moment; else one after the other. @throws {SilenceError} {ProtocolError}
   */
  *getAll(attributes: readonly AttributeReference[]): Dialogue<Got[]> {
    const listed = yield* this.getList(attributes);
    if (listed) return listed;
    const got: Got[] = [];
    for (const attribute of attributes) got.push(yield* this.get(attribute));
    return got;
  }

  /**
   * Reads several attributes with one question, or says that the meter takes none like it: `undefined`.
   * @throws {SilenceError} {ProtocolError}
   */
  *getList(attributes: readonly AttributeReference[]): Dialogue<Got[] | undefined> {
    if (attributes.length < 2 || attributes.length > this.listLength) return undefined;
    try {
      const listed = this.#association.names === "short"
        ? yield* this.#readList(attributes)
        : yield* fetchList(this.#asking({}), attributes);
      if (listed?.results.length !== attributes.length) return undefined;
      return listed.results.map((each) => ({ ...each, atMs: listed.atMs }));
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      return undefined; // it takes no lists after all
    }
  }

  *#readList(attributes: readonly AttributeReference[]) {
    const names: number[] = [];
    for (const attribute of attributes) {
      const object = yield* this.#baseOf(attribute);
      if (!object) return undefined;
      names.push(shortName(object.baseName!, attribute.id));
    }
    return yield* fetchNumbers(this.#asking({}), names);
  }

  /** How many attributes fit into one question; 0: one and no more, as lists are not agreed on. */
  get listLength(): number {
    const isAgreed = (this.#association.settled.conformance & CONFORMANCE.multipleReferences) !== 0;
    return isAgreed ? Math.floor(this.#room() / ATTRIBUTE_OCTETS) : 0;
  }

  *#getOnce(attribute: AttributeReference, options: GetOptions): Dialogue<Got> {
    const octets = new Collected();
    return valueOf(octets, yield* this.#askFor(attribute, octets, options), options);
  }

  /**
   * Reads an array and hands on each element as soon as it is there, so that nothing holds the whole. Brings home how many
   * they were, or an error: then there was none. @throws {SilenceError} {ProtocolError} also when it breaks off in the middle
   */
  *each(
    attribute: AttributeReference,
    onElement: (element: Data) => void,
    options: GetOptions = {},
  ): Dialogue<Counted> {
    for (let again = true;; again = false) {
      const elements = new Elements(onElement);
      const { error, atMs } = yield* this.#askFor(attribute, elements, options);
      if (error === undefined) return { count: elements.given, atMs };
      if (elements.given > 0) throw brokenOff(attribute, elements.given, error);
      if (!again || !PASSING.has(error)) return { error, atMs };
    }
  }

  /** The same where nothing else will do. @throws {RefusalError} an error */
  *demand(attribute: AttributeReference, options: GetOptions = {}): Dialogue<Data> {
    const got = yield* this.get(attribute, options);
    if ("data" in got) return got.data;
    throw this.#refused("read", attribute, got.error);
  }

  #refused(what: string, { name, id }: Reference, code: number): RefusalError {
    return new RefusalError(`Cannot ${what} ${name} attribute ${id}: ${explainResult(code)}`);
  }

  #askFor(attribute: AttributeReference, intake: Intake, options: GetOptions): Dialogue<Fetched> {
    return this.#association.names === "short"
      ? this.#read(attribute, intake, options)
      : fetchByName(this.#asking(options), attribute, intake);
  }

  #asking({ withinMs }: GetOptions): Asking {
    const options = withinMs === undefined ? {} : { withinMs };
    return (apdu) => this.#association.exchange(apdu, options);
  }

  *#read(attribute: AttributeReference, intake: Intake, options: GetOptions): Dialogue<Fetched> {
    const { id, selection } = attribute;
    const object = yield* this.#baseOf(attribute);
    if (!object) return { error: OBJECT_UNDEFINED, atMs: 0 };
    return yield* fetchByNumber(this.#asking(options), { name: shortName(object.baseName!, id), selection }, intake);
  }

  *#baseOf({ classId, name }: Reference): Dialogue<ListedObject | undefined> {
    const objects = this.#objects ?? (yield* this.objectList());
    return objects.find((object) =>
      object.name === name && object.classId === classId && object.baseName !== undefined
    );
  }

  /** The meter's own description: all objects that this association shows. Read once. @throws {RefusalError} */
  *objectList(): Dialogue<readonly ListedObject[]> {
    if (this.#objects) return this.#objects;
    const options = { withinMs: LONG_MS, mayEndEarly: true };
    const got = this.#association.names === "short"
      ? yield* this.#shortList(options)
      : yield* this.get({ ...CURRENT_ASSOCIATION, id: 2 }, options);
    if ("error" in got) {
      const why = explainResult(got.error);
      throw new RefusalError(`Cannot read the meter's list of objects: ${why}; ask for single codes instead`);
    }
    const { data } = got;
    const listed = readObjectList(data);
    const own = listed.find(({ classId, name }) =>
      classId === CURRENT_ASSOCIATION.classId && name === CURRENT_ASSOCIATION.name
    );
    this.#objects = own && own.version >= 3 ? readObjectList(data, own.version) : listed;
    return this.#objects;
  }

  *#shortList(options: GetOptions): Dialogue<Got> {
    const octets = new Collected();
    const name = shortName(this.#association.settled.vaaName, 2);
    return valueOf(octets, yield* fetchByNumber(this.#asking(options), { name }, octets), options);
  }

  /** Writes an attribute. @throws {RefusalError} the meter takes it not */
  *set(attribute: AttributeReference, data: Data): Dialogue<void> {
    const code = this.#association.names === "short"
      ? yield* this.#write(attribute, data)
      : yield* setByName(this.#asking({}), attribute, data, this.#room());
    if (code !== 0) throw this.#refused("write", attribute, code);
  }

  /** Octets that fit into one request to this meter. */
  #room(): number {
    const { maxPduOctets } = this.#association.settled;
    return (maxPduOctets === 0 ? 0xffff : Math.max(maxPduOctets, 2 * BLOCK_OVERHEAD)) - BLOCK_OVERHEAD;
  }

  *#write(attribute: AttributeReference, data: Data): Dialogue<number> {
    const object = yield* this.#baseOf(attribute);
    return object
      ? yield* writeByNumber(this.#asking({}), shortName(object.baseName!, attribute.id), data)
      : OBJECT_UNDEFINED;
  }

  /** Has an object do something. @throws {RefusalError} it does not */
  *action(method: Reference, data?: Data): Dialogue<ActionResult> {
    const result = this.#association.names === "short"
      ? yield* this.#call(method, data)
      : yield* actByName(this.#asking({}), method, data, this.#actionRoom());
    if (result.result === 0) return result;
    throw new RefusalError(`Cannot execute method ${method.id} of ${method.name}: ${explainResult(result.result)}`);
  }

  *#call(method: Reference, data: Data | undefined): Dialogue<ActionResult> {
    const object = yield* this.#baseOf(method);
    const name = object && shortMethod(object.baseName!, method);
    return name === undefined ? { result: OBJECT_UNDEFINED } : yield* actByNumber(this.#asking({}), name, data);
  }

  /** Who takes no blocks of ACTION is sent the whole, in blocks of the general transfer where they are agreed on. */
  #actionRoom(): number {
    const isAgreed = (this.#association.settled.conformance & CONFORMANCE.blockTransferWithAction) !== 0;
    return isAgreed ? this.#room() : Infinity;
  }
}

function valueOf(octets: Collected, { error, atMs }: Fetched, options: GetOptions): Got {
  return error === undefined ? { data: decodeData(octets.whole, options), atMs } : { error, atMs };
}

function brokenOff({ name, id }: Reference, given: number, code: number): ProtocolError {
  return new ProtocolError(
    "damaged",
    `${name} attribute ${id} broke off after ${given} elements: ${explainResult(code)}`,
  );
}
