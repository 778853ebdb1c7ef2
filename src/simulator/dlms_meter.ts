/** A DLMS meter that is none: who may sign on to it and how, and what it answers, with the faults that are asked for. @module */
import { type Dialogue, setLine } from "../dialogue.ts";
import {
  type Answering,
  countFrom,
  decodeAssociationRequest,
  decodeCiphered,
  findFrame,
  fromHex,
  hdlcAddress,
  hdlcStation,
  type InvocationCounter,
  type Keys,
  type ServedAssociation,
  Server,
  wrapperStation,
} from "../dlms/mod.ts";
import type { LineSettings } from "../line.ts";
import { type DlmsState, objectsOf } from "./dlms_objects.ts";
import { pushing, type PushOptions } from "./dlms_push.ts";
import type { Faults } from "./faults.ts";

/** How a simulated meter wants its clients to sign on; whatever is absent is not wanted. */
export interface DlmsOptions {
  /** How a session begins. */
  readonly opening: "sign-on" | "hdlc" | "wrapper" | "push";
  /** What it pushes in; wanted where it does. */
  readonly framing?: PushOptions["framing"];
  /** The client that sees everything. Whoever needs no secret leaves the public one, 16, to see everything too. */
  readonly client: number;
  readonly server: number;
  readonly physical?: number;
  readonly names: "logical" | "short";
  readonly credentials: ServedAssociation["credentials"];
  readonly ciphering?: Pick<NonNullable<ServedAssociation["ciphering"]>, "keys" | "kind" | "protection"> & {
    /** What it pushes is ciphered by general-ciphering. */
    readonly isGeneral?: boolean;
  };
  /** Octets of information in a frame, and of a value in one block. */
  readonly frameOctets: number;
  readonly blockOctets?: number;
  readonly generalBlocks?: ServedAssociation["generalBlocks"];
}

/** What the meter's surroundings tell it. */
export interface DlmsWorld extends Pick<DlmsState, "nowMs" | "offsetMinutes"> {
  /** Its data lines as they are now. */
  readonly block: () => string;
  readonly faults: Faults;
  /** Where it pushes: how often, at which speed if not at 2400 Bd. */
  readonly everyMs?: number | undefined;
  readonly baud?: number | undefined;
}

/** System title of the meter: maker OBI. */
export const METER_TITLE = fromHex("4F42490000000001");

/** The keys of the standard's examples: what a meter has that was told of no others. */
export function exampleKeys(suite: Keys["suite"]): Keys {
  const from = (first: number) => Uint8Array.from({ length: suite === 2 ? 32 : 16 }, (_, at) => first + at);
  return { suite, encryption: from(0), authentication: from(0xd0) };
}

/** What somebody sees who has not signed on with a secret. */
const PUBLIC = ["0-0:1.0.0*255", "0-0:42.0.0*255", "0-0:43.1.0*255", "0-0:40.0.0*255", "0-0:41.0.0*255"];
const PUBLIC_CLIENT = 16;
const AARQ = 0x60;
/** Its messages count on from where an earlier run of it must have ended: five in a second, until 2047. */
const [COUNTING_SINCE_MS, COUNT_MS] = [Date.UTC(2020), 200];
/** By how much the fault wrong-counter is ahead of the client. */
const AHEAD = 1000;
const NOTHING = new Uint8Array();

/** HDLC after the sign-on, or from the start. */
const HDLC_LINE: LineSettings = { baud: 9600, dataBits: 8, parity: "none", stopBits: 1 };
/** How often a meter pushes, and at which speed. */
const [PUSH_MS, PUSH_BAUD] = [5000, 2400];
/** A network has no speed to wait for. */
const NETWORK_LINE: LineSettings = { ...HDLC_LINE, baud: 4_000_000 };

/** One meter, and what it remembers from client to client. */
export class DlmsMeter {
  readonly #options: DlmsOptions;
  readonly #world: DlmsWorld;
  readonly #state: DlmsState;
  readonly #counter: InvocationCounter;
  #answers = 0;

  constructor(options: DlmsOptions, world: DlmsWorld) {
    [this.#options, this.#world] = [options, world];
    this.#counter = countFrom(Math.floor((world.nowMs() - COUNTING_SINCE_MS) / COUNT_MS));
    const { physical } = options;
    this.#state = { ...world, ...physical !== undefined && { physical }, aheadMs: 0, heard: -1, written: new Map() };
  }

  /** A meter that waits for HDLC or the wrapper until its wire is gone. */
  *serve(): Dialogue<never> {
    const { opening, server: port } = this.#options;
    const serve = (client: number) => this.#answering(client);
    yield* setLine(opening === "wrapper" ? NETWORK_LINE : HDLC_LINE);
    const fault = (octets: Uint8Array) => this.#spoilt(octets);
    if (opening === "push") return yield* this.#pushing();
    if (opening === "wrapper") return yield* wrapperStation({ port, serve, fault });
    while (true) yield* this.handedOver();
  }

  #pushing(): Dialogue<never> {
    const { server, frameOctets, framing = "hdlc", ciphering } = this.#options;
    const { everyMs = PUSH_MS, baud = PUSH_BAUD, block } = this.#world;
    const options = {
      ...{ server, frameOctets, framing, everyMs, line: { ...HDLC_LINE, baud } },
      ...ciphering && { ciphering: { ...ciphering, title: METER_TITLE, counter: this.#counter } },
    };
    const objects = () => objectsOf(block(), this.#state);
    return pushing(options, { ...this.#world, objects, spoilt: (octets) => this.#spoilt(octets) });
  }

  /** One connection on HDLC, as after a sign-on. */
  *handedOver(): Dialogue<void> {
    const { server, physical, frameOctets } = this.#options;
    yield* hdlcStation({
      address: hdlcAddress(server, physical),
      serve: (client) => this.#answering(client),
      parameters: { maxSend: frameOctets, maxReceive: frameOctets, windowSend: 1, windowReceive: 1 },
      once: true,
      fault: (octets) => this.#spoilt(octets),
    });
  }

  /** What answers a client: made anew for each connection, with the values of this moment. */
  #answering(client: number): Answering {
    if (this.#options.ciphering && this.#world.faults.strike("wrong-counter")) this.#state.heard += AHEAD;
    const objects = objectsOf(this.#world.block(), this.#state);
    const isOpen = client !== PUBLIC_CLIENT || !this.#isProtected;
    const seen = isOpen ? objects : objects.filter(({ name }) => PUBLIC.includes(name))
      .map(({ writable: _, ...object }) => object);
    const server = new Server({ title: METER_TITLE, objects: seen, associations: this.#associations() }, client);
    return {
      answer: (apdu) => {
        const answer = server.answer(apdu);
        this.#hear(apdu);
        return answer;
      },
      more: () => server.more(),
    };
  }

  get #isProtected(): boolean {
    return this.#options.credentials.mechanism !== "none" || this.#options.ciphering !== undefined;
  }

  #associations(): ServedAssociation[] {
    const { client, names, credentials, ciphering, blockOctets, generalBlocks } = this.#options;
    const common = {
      names,
      ...blockOctets !== undefined && { blockOctets },
      ...generalBlocks && { generalBlocks },
    };
    const own = ciphering && { title: METER_TITLE, counter: this.#counter, heard: this.#state.heard, ...ciphering };
    return [
      { ...common, client, credentials, ...own && { ciphering: own } },
      { ...common, client: PUBLIC_CLIENT, credentials: { mechanism: "none" } },
    ];
  }

  /** Remembers the number of a message that it could read, so that it comes no second time. */
  #hear(apdu: Uint8Array): void {
    if (!this.#options.ciphering) return;
    const outer = decodeCiphered(apdu[0] === AARQ ? decodeAssociationRequest(apdu).initiate : apdu);
    if (!outer || outer.ciphered.length < 5) return;
    const counter = new DataView(outer.ciphered.buffer, outer.ciphered.byteOffset).getUint32(1);
    this.#state.heard = Math.max(this.#state.heard, counter);
  }

  /** A frame or message as the faults leave it: changed, or nothing at all. */
  #spoilt(octets: Uint8Array): Uint8Array {
    const { faults } = this.#world;
    const number = ++this.#answers;
    const strikes = (argument: string | undefined) => number % Number(argument ?? 1) === 0;
    const step = stepOf(octets, this.#options.opening === "wrapper");
    if (faults.strike("silent", (argument) => argument === undefined || argument === step)) return NOTHING;
    if (faults.strike("lost-frame", strikes)) return NOTHING;
    if (faults.strike("bad-fcs", strikes)) return octets.with(octets.length - 2, octets.at(-2)! ^ 0x10);
    return octets;
  }
}

/** What a meter answers there: a connection, an association, a question. */
function stepOf(octets: Uint8Array, isWrapped: boolean): "connect" | "association" | "answer" {
  const frame = isWrapped ? undefined : findFrame()(octets)?.value;
  if (frame && frame.control.kind !== "I") return "connect";
  const apdu = frame ? frame.information.subarray(3) : octets.subarray(8);
  return apdu[0] === 0x61 ? "association" : "answer";
}
