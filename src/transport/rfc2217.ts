/**
 * A serial port behind the network whose speed can be asked for (RFC 2217): ser2net, Moxa and their like. Where the
 * server refuses, it is used as it is, and that is said.
 * @module
 */
import { withLimit } from "../abort.ts";
import { join } from "../bytes.ts";
import { systemClock } from "../clock.ts";
import { characterMs, formatLine, type LineSettings, type Parity } from "../line.ts";
import { SoftwareParity } from "./parity.ts";
import {
  ANSWER,
  baudBytes,
  COM_PORT,
  encodeData,
  encodeOption,
  encodePort,
  networkCarriageReturns,
  OPTION,
  telnetDecoder,
  type TelnetEvent,
  type Verb,
} from "./telnet.ts";
import type { Transport } from "./transport.ts";

/** How the port begins, how the head wants its modem lines, and whom to tell. */
export interface Rfc2217Options {
  readonly line: LineSettings;
  readonly dtr?: boolean | undefined;
  readonly rts?: boolean | undefined;
  readonly signal: AbortSignal;
  /** How long the server has for each answer; 3 s. */
  readonly answerMs?: number;
  /** Already says which place it is about. */
  readonly onNotice: (message: string) => void;
}

/** A server that has not answered by then does not speak it. */
const ANSWER_MS = 3000;
/** From a server's acceptance of our bytes to the wire, beyond the wire's own time. */
const SERVER_MS = 30;
const WANTED: readonly number[] = [OPTION.COM_PORT, OPTION.BINARY, OPTION.SUPPRESS_GO_AHEAD];
const PARITY: Readonly<Record<Parity, number>> = { none: 1, odd: 2, even: 3 };
const CONTROL = { noFlow: 1, break: { on: 5, off: 6 }, dtr: { on: 8, off: 9 }, rts: { on: 11, off: 12 } } as const;
const PURGE = { input: 1, both: 3 } as const;

/**
 * Negotiates over an open connection, which it then owns; raw where the server does not speak RFC 2217, with parity in
 * software where its port cannot make it.
 * @throws {LineError} the connection was lost
 * @throws the signal's reason
 */
export async function openRfc2217(
  connection: Transport,
  { line, dtr, rts, signal, answerMs = ANSWER_MS, onNotice }: Rfc2217Options,
): Promise<Transport> {
  const port = new NetworkPort(connection, answerMs, onNotice);
  try {
    if (!await port.negotiate(signal)) return port;
    await port.setModemLines(dtr ?? true, rts ?? true);
    const got = await port.ask(line);
    if (got.dataBits === line.dataBits && got.parity === line.parity || line.dataBits === 8) {
      port.compare(line, got);
      return port;
    }
    onNotice(`its port makes ${formatLine(got)} of ${formatLine(line)}: obisd makes and checks the parity itself`);
    const inSoftware = new SoftwareParity(port, onNotice);
    await inSoftware.setLine(line);
    return inSoftware;
  } catch (error) {
    await port[Symbol.asyncDispose]();
    throw error;
  }
}

class NetworkPort implements Transport {
  readonly #connection: Transport;
  readonly #onNotice: (message: string) => void;
  readonly #decode = telnetDecoder();
  readonly #withoutFiller = networkCarriageReturns();
  readonly #closing = new AbortController();
  /** The meter's bytes that nobody has read yet. */
  #queue: Uint8Array[] = [];
  #reading: Promise<void> | undefined;
  #writing: Promise<void> = Promise.resolve();
  /** It has said something in telnet: then a 0xFF is doubled both ways. */
  #telnet = false;
  /** Whether it changes the port for us; `undefined` until it has said so. */
  #willing: boolean | undefined;
  #binary = true;
  readonly #refused = new Set<string>();
  readonly #answers = new Map<number, Uint8Array>();
  #line: LineSettings | undefined;
  #noticed = false;

  constructor(connection: Transport, readonly answerMs: number, onNotice: (message: string) => void) {
    this.#connection = connection;
    this.#onNotice = onNotice;
  }

  /** Offers RFC 2217. Resolves with whether the server takes it. */
  async negotiate(signal: AbortSignal): Promise<boolean> {
    const offer = WANTED.flatMap((option) => [encodeOption("WILL", option), encodeOption("DO", option)]);
    await this.#send(...offer);
    await this.#until(() => this.#willing !== undefined, signal);
    if (this.#willing) return true;
    const why = this.#willing === undefined ? `does not answer within ${this.answerMs / 1000} s` : "refuses";
    this.#onNotice(`RFC 2217: the server ${why}; it is used as it is: write tcp:// for it`);
    this.#willing = false;
    return false;
  }

  async setModemLines(dtr: boolean, rts: boolean): Promise<void> {
    const control = (value: number) => encodePort(COM_PORT.SET_CONTROL, [value]);
    await this.#send(
      control(CONTROL.noFlow),
      control(CONTROL.dtr[dtr ? "on" : "off"]),
      control(CONTROL.rts[rts ? "on" : "off"]),
      encodePort(COM_PORT.SET_MODEMSTATE_MASK, [0]),
      encodePort(COM_PORT.PURGE_DATA, [PURGE.both]),
    );
  }

  /** Asks for line settings. Resolves with those that the server says are in force; what it does not say counts as done. */
  async ask(line: LineSettings): Promise<LineSettings> {
    const asked: [command: number, value: number[]][] = [
      [COM_PORT.SET_BAUDRATE, baudBytes(line.baud)],
      [COM_PORT.SET_DATASIZE, [line.dataBits]],
      [COM_PORT.SET_PARITY, [PARITY[line.parity]]],
      [COM_PORT.SET_STOPSIZE, [line.stopBits]],
    ];
    this.#answers.clear();
    await this.#send(...asked.map(([command, value]) => encodePort(command, value)));
    await this.#until(() => asked.every(([command]) => this.#answers.has(command + ANSWER)), this.#closing.signal);
    this.#line = line;
    return this.#inForce(line);
  }

  /** Says once what the server makes of the settings. */
  compare(line: LineSettings, got: LineSettings): void {
    const near = Math.abs(got.baud - line.baud) <= line.baud * 0.03;
    if (near && formatLine({ ...got, baud: line.baud }) === formatLine(line) || this.#noticed) return;
    this.#noticed = true;
    const hint = near ? "" : `; if it can do no other speed, add max_baud=${got.baud}`;
    this.#onNotice(`RFC 2217: the server's port makes ${formatLine(got)} of ${formatLine(line)}${hint}`);
  }

  async read(signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    while (this.#queue.length === 0) await this.#more(signal);
    return this.#takeAll();
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#send(this.#telnet ? encodeData(bytes) : bytes);
    if (!this.#willing || !this.#line) return;
    // The server changes speed at once when it is asked, with bytes of ours still in its port: give them the time to leave.
    await systemClock.sleep(bytes.length * characterMs(this.#line) + SERVER_MS);
  }

  async setLine(settings: LineSettings): Promise<void> {
    if (!this.#willing) return await this.#connection.setLine(settings);
    if (this.#line && formatLine(this.#line) === formatLine(settings)) return;
    this.compare(settings, await this.ask(settings));
  }

  async setBreak(on: boolean): Promise<void> {
    if (this.#willing) await this.#send(encodePort(COM_PORT.SET_CONTROL, [CONTROL.break[on ? "on" : "off"]]));
  }

  flush(): void {
    this.#connection.flush();
    this.#takeAll();
    if (this.#willing) this.#send(encodePort(COM_PORT.PURGE_DATA, [PURGE.input])).catch(() => {}); // the next step hears it
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new DOMException("closed", "AbortError"));
    await this.#writing.catch(() => {});
    await this.#connection[Symbol.asyncDispose]();
    await this.#reading?.catch(() => {});
  }

  #send(...messages: Uint8Array[]): Promise<void> {
    const bytes = join(...messages);
    return this.#writing = this.#writing.catch(() => {}).then(() => this.#connection.write(bytes));
  }

  /** Reads on until `condition` holds or the server's time is over. */
  async #until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    try {
      await withLimit(signal, { withinMs: this.answerMs, what: "The server" }, async (limit) => {
        while (!condition()) await this.#more(limit);
      });
    } catch (error) {
      if (signal.aborted || !(error instanceof DOMException && error.name === "TimeoutError")) throw error;
    }
  }

  /** The next piece of the stream. One read of the connection serves all who wait; an abort leaves it waiting. */
  async #more(signal: AbortSignal): Promise<void> {
    this.#reading ??= this.#connection.read(this.#closing.signal)
      .then((bytes) => this.#take(bytes))
      .finally(() => this.#reading = undefined);
    this.#reading.catch(() => {}); // who waits hears it, and so does the next read
    const aborted = Promise.withResolvers<never>();
    const stop = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await Promise.race([this.#reading, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #take(bytes: Uint8Array): void {
    if (this.#willing === false && !this.#telnet) return void this.#queue.push(bytes);
    for (const event of this.#decode(bytes)) this.#hear(event);
  }

  #hear(event: TelnetEvent): void {
    if (event.kind === "data") {
      const bytes = this.#binary ? event.bytes : this.#withoutFiller(event.bytes);
      if (bytes.length > 0) this.#queue.push(bytes);
      return;
    }
    this.#telnet = true;
    if (event.kind === "port") this.#answers.set(event.command, event.value);
    else this.#hearOption(event.verb, event.option);
  }

  /** What we offered is agreed without another word; what we did not is refused, once, for two who answer answers never end. */
  #hearOption(verb: Verb, option: number): void {
    const agrees = verb === "WILL" || verb === "DO";
    if (option === OPTION.COM_PORT && (agrees || verb === "DONT")) this.#willing ??= agrees;
    if (option === OPTION.BINARY && !agrees) this.#binary = false;
    if (!agrees || WANTED.includes(option)) return;
    const no = verb === "WILL" ? "DONT" : "WONT";
    if (this.#refused.has(`${no} ${option}`)) return;
    this.#refused.add(`${no} ${option}`);
    this.#send(encodeOption(no, option)).catch(() => {}); // a lost connection is heard by the next read
  }

  #inForce(line: LineSettings): LineSettings {
    const answer = (command: number) => this.#answers.get(command + ANSWER)?.reduce((sum, byte) => sum * 256 + byte, 0);
    const parity = (Object.keys(PARITY) as Parity[]).find((name) => PARITY[name] === answer(COM_PORT.SET_PARITY));
    return {
      baud: answer(COM_PORT.SET_BAUDRATE) ?? line.baud,
      dataBits: (answer(COM_PORT.SET_DATASIZE) ?? line.dataBits) as 7 | 8,
      parity: parity ?? line.parity,
      stopBits: (answer(COM_PORT.SET_STOPSIZE) ?? line.stopBits) as 1 | 2,
    };
  }

  #takeAll(): Uint8Array {
    const bytes = join(...this.#queue);
    this.#queue = [];
    return bytes;
  }
}
