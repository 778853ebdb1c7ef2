/** The meter's side of ACTION: whole, and what a method needs in blocks (Green Book, 9.3.8). @module */
import { type ActionRequest, type ActionResult, encodeActionResponse } from "./action.ts";
import { decodeData } from "./axdr.ts";
import type { Data } from "./data.ts";
import { OTHER_REASON } from "./fetching.ts";
import { Collected } from "./long_values.ts";
import type { Reference } from "./references.ts";

const NO_LONG_ACTION = 16;

/** Has objects do something for one client. */
export class ActionServer {
  readonly #act: (method: Reference, data: Data | undefined) => ActionResult;
  /** What a method needs, on its way in. */
  #incoming: { readonly method: Reference; readonly octets: Collected } | undefined;

  constructor(act: (method: Reference, data: Data | undefined) => ActionResult) {
    this.#act = act;
  }

  /** The answer to a request. */
  answer(request: ActionRequest): Uint8Array {
    const { kind, invoke } = request;
    const say = (result: ActionResult) => encodeActionResponse({ kind: "normal", invoke, ...result });
    if (kind === "normal") return say(this.#act(request.method, request.data));
    if (kind === "first-block") this.#incoming = { method: request.method, octets: new Collected() };
    else if (kind !== "block") return say({ result: OTHER_REASON });
    const incoming = this.#incoming;
    if (!incoming) return say({ result: NO_LONG_ACTION });
    incoming.octets.take(request.raw);
    if (!request.last) return encodeActionResponse({ kind: "next", invoke, block: request.block });
    this.#incoming = undefined;
    return say(this.#act(incoming.method, decodeData(incoming.octets.whole)));
  }
}
