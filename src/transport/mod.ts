/** The ways to a meter: serial ports, TCP, and serial ports behind the network. @module */
import { LineError } from "../errors.ts";
import type { LineSettings } from "../line.ts";
import { type Endpoint, formatEndpoint, signOnLine } from "./endpoint.ts";
import { EchoRemoval } from "./echo.ts";
import { SoftwareParity } from "./parity.ts";
import { openRfc2217 } from "./rfc2217.ts";
import { nameNotice, openSerial } from "./serial.ts";
import { openTcp } from "./tcp.ts";
import type { Transport } from "./transport.ts";

export type { Transport } from "./transport.ts";
export * from "./endpoint.ts";

/** What opening an endpoint needs. */
export interface OpenOptions {
  readonly signal: AbortSignal;
  /** Hears what is no error and worth knowing: a better name for the port, a speed that nobody can change. */
  readonly onNotice?: (message: string) => void;
  /** What we send and what comes back of it is heard: for who looks for echoes. */
  readonly keepEcho?: boolean;
}

/**
 * Opens the way to a meter, for us alone.
 * @throws {LineError} `missing`, `denied`, `busy` or `refused`, with what to do
 * @throws the signal's reason
 */
export async function openTransport(
  endpoint: Endpoint,
  { signal, onNotice = () => {}, keepEcho = false }: OpenOptions,
): Promise<Transport> {
  signal.throwIfAborted();
  const place = formatEndpoint(endpoint);
  const notice = (message: string) => onNotice(`${place}: ${message}`);
  const transport = endpoint.kind === "serial"
    ? openPort(endpoint, onNotice)
    : await openNetwork(endpoint, { signal, onNotice, notice });
  const checked = isSoftware(endpoint) ? withParity(transport, endpoint, notice) : transport;
  return keepEcho ? checked : new EchoRemoval(checked, notice);
}

function withParity(transport: Transport, { options }: Endpoint, notice: (message: string) => void): Transport {
  return new SoftwareParity(transport, notice, { auto: options.parity === "auto" && !options.parity_in_software });
}

/** Whether the port itself carries 8N1. */
function isSoftware({ options: { parity_in_software, parity } }: Endpoint): boolean {
  return parity_in_software || parity === "auto";
}

async function openNetwork(
  endpoint: Exclude<Endpoint, { readonly kind: "serial" }>,
  { signal, onNotice, notice }: Required<Omit<OpenOptions, "keepEcho">> & {
    readonly notice: (message: string) => void;
  },
): Promise<Transport> {
  if (endpoint.kind === "tcp-listen") {
    throw new LineError(
      "missing",
      `${formatEndpoint(endpoint)} takes calls, so nobody can be asked there: obisd listen`,
    );
  }
  const { host, port, options: { connect_timeout: connectTimeoutMs, dtr, rts } } = endpoint;
  const connection = await openTcp(formatEndpoint(endpoint), { host, port, connectTimeoutMs, signal, onNotice });
  if (endpoint.kind === "tcp") return connection;
  return await openRfc2217(connection, { line: portLine(endpoint), dtr, rts, signal, onNotice: notice });
}

/** How the port itself begins: where parity is made in software, it carries 8N1. */
function portLine(endpoint: Endpoint): LineSettings {
  const line = signOnLine(endpoint);
  return isSoftware(endpoint) ? { ...line, dataBits: 8, parity: "none" } : line;
}

function openPort(
  endpoint: Extract<Endpoint, { readonly kind: "serial" }>,
  onNotice: (message: string) => void,
): Transport {
  const { path, bare = false, options: { dtr, rts } } = endpoint;
  const transport = openSerial(path, {
    line: portLine(endpoint),
    dtr,
    rts,
    onNotice,
  });
  const notice = nameNotice(path, bare);
  if (notice) onNotice(notice);
  return transport;
}
