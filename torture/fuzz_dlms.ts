/** Everything that a DLMS meter may send, damaged: frames of HDLC, the wrapper and M-Bus, association, A-XDR, services. @module */
import fc from "fast-check";
import * as dlms from "../src/dlms/mod.ts";
import { ProtocolError, RefusalError } from "../src/errors.ts";
import { damaged, damages } from "./damage.ts";
import { VECTORS } from "../test/support/dlms.ts";
import { type Tries, tryOut } from "./tries.ts";

/** How often a decoder found sense in what it was given, and how often it refused. */
export interface DlmsTally {
  understood: number;
  refused: number;
}

/** For a checkout without the vectors: a frame with a clock in it, an association, a null. */
const INVENTED = [
  "7EA018759574E9E8E6E700C401810009060000010000FFFD497E",
  "6029A109060760857405080101BE10040E01000000065F1F0400007E1F0000",
  "00",
].map(dlms.fromHex);

/** No vector has one: general-ciphering, from a meter to nobody in particular, by the global key. */
const GENERAL = dlms.fromHex("DD0400000001084B464D67500000090000000100001430000000070102030405060708090A0B0C0D0E0F");

/** Nor one of these: an information report of two attributes. */
const REPORT = dlms.fromHex("18000202100002FD080206000186A009034F4249");

/** A message that is longer than this says more than its octets can. */
const WORDS = 2000;

type Decoder = (octets: Uint8Array) => unknown;

const DECODERS: Readonly<Record<string, Decoder>> = {
  frame: (octets) => dlms.findFrame()(octets),
  wrapper: (octets) => dlms.findWrapped()(octets),
  "long frame": (octets) => dlms.findLongFrame()(octets),
  address: dlms.decodeAddress,
  parameters: dlms.decodeParameters,
  "association request": dlms.decodeAssociationRequest,
  "association response": dlms.decodeAssociationResponse,
  "release request": (octets) => dlms.decodeRelease("request", octets),
  "release response": (octets) => dlms.decodeRelease("response", octets),
  "initiate request": dlms.decodeInitiateRequest,
  "initiate response": dlms.decodeInitiateResponse,
  data: (octets) => dlms.decodeData(octets),
  elements: elementsOf,
  "get request": dlms.decodeGetRequest,
  "get response": (octets) => dlms.decodeGetResponse(octets),
  "get response, its value left alone": dlms.openGetResponse,
  "set request": dlms.decodeSetRequest,
  "set response": dlms.decodeSetResponse,
  "action request": dlms.decodeActionRequest,
  "action response": dlms.decodeActionResponse,
  "access request": dlms.decodeAccessRequest,
  "access response": dlms.decodeAccessResponse,
  "read request": dlms.decodeReadRequest,
  "read response": (octets) => dlms.decodeReadResponse(octets),
  "read response, its value left alone": dlms.openReadResponse,
  "write request": dlms.decodeWriteRequest,
  "write response": dlms.decodeWriteResponse,
  "block of a transfer": dlms.decodeTransferBlock,
  ciphered: dlms.decodeCiphered,
  "date and time": dlms.decodeDateTime,
  notification: dlms.decodeDataNotification,
  event: dlms.decodeEventNotification,
  report: dlms.decodeInformationReport,
  exception: dlms.decodeException,
  "service error": dlms.decodeServiceError,
  push: (octets) => dlms.readPush(octets),
};

/** A list that comes in two pieces. */
function elementsOf(octets: Uint8Array): unknown {
  const elements = new dlms.Elements(() => {});
  const middle = octets.length >> 1;
  elements.take(octets.subarray(0, middle), false);
  elements.take(octets.subarray(middle), true);
  return elements.given;
}

/**
 * Specimens with a few faults, and what is in their frames, through every decoder: each understands or refuses in words.
 * @throws {Error} anything else
 */
export async function fuzzDlms(tries: Tries): Promise<DlmsTally> {
  const specimens = [...VECTORS.length > 0 ? VECTORS.map(({ bytes }) => bytes) : INVENTED, GENERAL, REPORT];
  const tally = { understood: 0, refused: 0 };
  const property = fc.property(fc.nat(specimens.length - 1), damages, fc.boolean(), (which, faults, inner) => {
    const octets = damaged(inner ? contentOf(specimens[which]!) : specimens[which]!, faults);
    for (const [name, decode] of Object.entries(DECODERS)) {
      if (understands(name, decode, octets)) tally.understood++;
      else tally.refused++;
    }
  });
  await tryOut(property, tries);
  return tally;
}

/** The information of a frame without the header of the logical link; what is no frame stays as it is. */
function contentOf(octets: Uint8Array): Uint8Array {
  const frame = dlms.findFrame()(octets)?.value;
  return frame && frame.information.length > 3 ? frame.information.subarray(3) : octets;
}

function understands(name: string, decode: Decoder, octets: Uint8Array): boolean {
  try {
    return decode(octets) !== undefined;
  } catch (error) {
    const refused = error instanceof ProtocolError || error instanceof RefusalError;
    if (refused && error.message.length <= WORDS) return false;
    throw new Error(`${name}: ${dlms.toHex(octets)}`, { cause: error });
  }
}
