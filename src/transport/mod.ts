/** The ways to a meter: serial ports and TCP. @module */
import { type Endpoint, formatEndpoint, signOnLine } from "./endpoint.ts";
import { SoftwareParity } from "./parity.ts";
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
}

/**
 * Opens the way to a meter, for us alone.
 * @throws {LineError} `missing`, `denied`, `busy` or `refused`, with what to do
 * @throws the signal's reason
 */
export async function openTransport(
  endpoint: Endpoint,
  { signal, onNotice = () => {} }: OpenOptions,
): Promise<Transport> {
  signal.throwIfAborted();
  const transport = endpoint.kind === "serial"
    ? openPort(endpoint, onNotice)
    : await openTcp(formatEndpoint(endpoint), {
      host: endpoint.host,
      port: endpoint.port,
      connectTimeoutMs: endpoint.options.connect_timeout,
      signal,
      onNotice,
    });
  if (!endpoint.options.parity_in_software) return transport;
  return new SoftwareParity(transport, (message) => onNotice(`${formatEndpoint(endpoint)}: ${message}`));
}

function openPort(
  endpoint: Extract<Endpoint, { readonly kind: "serial" }>,
  onNotice: (message: string) => void,
): Transport {
  const { path, bare = false, options: { dtr, rts, parity_in_software } } = endpoint;
  const line = signOnLine(endpoint);
  const transport = openSerial(path, {
    line: parity_in_software ? { ...line, dataBits: 8, parity: "none" } : line,
    dtr,
    rts,
    onNotice,
  });
  const notice = nameNotice(path, bare);
  if (notice) onNotice(notice);
  return transport;
}
