/** The meter's side of SET: whole, in lists, and in blocks (Green Book, 9.3.9). @module */
import { decodeData, readData } from "./axdr.ts";
import { Reader } from "./octets.ts";
import { readList } from "./references.ts";
import type { ServedObjects } from "./served_objects.ts";
import { encodeSetResponse, type SetRequest } from "./set.ts";

const NO_LONG_SET = 18;

/** Takes values of one client. */
export class SetServer {
  readonly #objects: ServedObjects;
  /** A value on its way in. */
  #incoming: { readonly request: SetRequest; readonly raw: number[] } | undefined;

  constructor(objects: ServedObjects) {
    this.#objects = objects;
  }

  /** The answer to a request. */
  answer(request: SetRequest): Uint8Array {
    const { invoke } = request;
    if (request.kind === "normal") {
      return encodeSetResponse({
        kind: "normal",
        invoke,
        result: this.#objects.store(request.attribute, request.data),
      });
    }
    if (request.kind === "list") {
      const results = request.attributes.map((each, at) => this.#objects.store(each, request.data[at]!));
      return encodeSetResponse({ kind: "list", invoke, results });
    }
    if (request.kind !== "block") this.#incoming = { request, raw: [] };
    if (!this.#incoming) {
      return encodeSetResponse({ kind: "last-block", invoke, result: NO_LONG_SET, block: request.block });
    }
    for (const octet of request.raw) this.#incoming.raw.push(octet);
    if (!request.last) return encodeSetResponse({ kind: "block", invoke, block: request.block });
    return this.#whole(invoke, request.block, this.#incoming);
  }

  #whole(
    invoke: number,
    block: number,
    { request, raw }: { readonly request: SetRequest; readonly raw: readonly number[] },
  ): Uint8Array {
    const whole = Uint8Array.from(raw);
    this.#incoming = undefined;
    if ("attribute" in request) {
      return encodeSetResponse({
        kind: "last-block",
        invoke,
        result: this.#objects.store(request.attribute, decodeData(whole)),
        block,
      });
    }
    const attributes = "attributes" in request ? request.attributes : [];
    const data = readList(new Reader(whole, "a list of values"), (each) => readData(each));
    const results = attributes.map((each, at) => this.#objects.store(each, data[at] ?? { type: "null-data" }));
    return encodeSetResponse({ kind: "list-last-block", invoke, results, block });
  }
}
