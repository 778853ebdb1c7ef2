/** What client and meter settle when they associate: services, and how long a message may be (xDLMS, Green Book 9.4.5). @module */
import { Reader, Writer } from "./octets.ts";

/** What either side can do, as bits: the first of the standard's 24 is the highest. */
export const CONFORMANCE = {
  generalProtection: 0x400000,
  generalBlockTransfer: 0x200000,
  read: 0x100000,
  write: 0x080000,
  unconfirmedWrite: 0x040000,
  attribute0WithSet: 0x008000,
  priority: 0x004000,
  attribute0WithGet: 0x002000,
  blockTransferWithGet: 0x001000,
  blockTransferWithSet: 0x000800,
  blockTransferWithAction: 0x000400,
  multipleReferences: 0x000200,
  informationReport: 0x000100,
  dataNotification: 0x000080,
  access: 0x000040,
  parameterizedAccess: 0x000020,
  get: 0x000010,
  set: 0x000008,
  selectiveAccess: 0x000004,
  eventNotification: 0x000002,
  action: 0x000001,
} as const;

/** What a client proposes. */
export interface InitiateRequest {
  /** A key for this association alone; only in a ciphered request. */
  readonly dedicatedKey?: Uint8Array;
  readonly responseAllowed?: boolean;
  readonly qualityOfService?: number;
  readonly version?: number;
  readonly conformance: number;
  /** Octets of the longest message that the client takes; 0: any. */
  readonly maxPduOctets: number;
}

/** What the meter makes of it. */
export interface InitiateResponse {
  readonly qualityOfService?: number;
  readonly version?: number;
  readonly conformance: number;
  /** Octets of the longest message that the meter takes; 0: any. */
  readonly maxPduOctets: number;
  /** 0007 with logical names, the base name of the association object with short ones. */
  readonly vaaName: number;
}

const [REQUEST, RESPONSE] = [0x01, 0x08];
const VERSION = 6;

function writeConformance(writer: Writer, conformance: number): void {
  writer.put(0x5f, 0x1f, 4, 0, conformance >> 16).integer(conformance & 0xffff, 2);
}

/** Some meters leave out the 1F of the tag. */
function readConformance(reader: Reader): number {
  if (reader.unsigned(1) !== 0x5f) throw reader.error("no conformance block");
  if (reader.peek() === 0x1f) reader.unsigned(1);
  if (reader.length() !== 4) throw reader.error("the conformance block has not 4 octets");
  return reader.unsigned(4) & 0xffffff;
}

/** The octets of InitiateRequest. */
export function encodeInitiateRequest(request: InitiateRequest): Uint8Array {
  const { dedicatedKey, responseAllowed = true, qualityOfService, version = VERSION, conformance } = request;
  const writer = new Writer().put(REQUEST);
  if (dedicatedKey) writer.put(1).octets(dedicatedKey);
  else writer.put(0);
  writer.put(...(responseAllowed ? [0] : [1, 0]), ...(qualityOfService === undefined ? [0] : [1, qualityOfService]));
  writeConformance(writer.put(version), conformance);
  return writer.integer(request.maxPduOctets, 2).bytes;
}

/** An InitiateRequest that a client sent. @throws {ProtocolError} */
export function decodeInitiateRequest(apdu: Uint8Array): InitiateRequest {
  const reader = new Reader(apdu, "the initiate request");
  if (reader.unsigned(1) !== REQUEST) throw reader.error("it does not begin with 01");
  const dedicatedKey = reader.unsigned(1) ? reader.octets() : undefined;
  const responseAllowed = reader.unsigned(1) ? reader.unsigned(1) !== 0 : true;
  const qualityOfService = reader.unsigned(1) ? reader.unsigned(1) : undefined;
  const [version, conformance, maxPduOctets] = [reader.unsigned(1), readConformance(reader), reader.unsigned(2)];
  return {
    ...(dedicatedKey ? { dedicatedKey } : {}),
    responseAllowed,
    ...(qualityOfService === undefined ? {} : { qualityOfService }),
    ...{ version, conformance, maxPduOctets },
  };
}

/** The octets of InitiateResponse. */
export function encodeInitiateResponse(response: InitiateResponse): Uint8Array {
  const { qualityOfService, version = VERSION, conformance, maxPduOctets, vaaName } = response;
  const writer = new Writer().put(RESPONSE, ...(qualityOfService === undefined ? [0] : [1, qualityOfService]), version);
  writeConformance(writer, conformance);
  return writer.integer(maxPduOctets, 2).integer(vaaName, 2).bytes;
}

/** An InitiateResponse that a meter sent. @throws {ProtocolError} */
export function decodeInitiateResponse(apdu: Uint8Array): InitiateResponse {
  const reader = new Reader(apdu, "the initiate response");
  if (reader.unsigned(1) !== RESPONSE) throw reader.error("it does not begin with 08");
  const qualityOfService = reader.unsigned(1) ? reader.unsigned(1) : undefined;
  const version = reader.unsigned(1);
  const conformance = readConformance(reader);
  const maxPduOctets = reader.unsigned(2);
  const vaaName = reader.left === 1 ? reader.unsigned(1) << 8 : reader.unsigned(2); // one maker counts an octet too few
  return {
    ...(qualityOfService === undefined ? {} : { qualityOfService }),
    version,
    conformance,
    maxPduOctets,
    vaaName,
  };
}
