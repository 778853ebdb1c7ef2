/**
 * A meter that stands in for a real one, on TCP or on a pseudo-terminal: for demonstrations, tests and measures.
 *
 * | file | what |
 * |---|---|
 * | `options.ts` | what is simulated, and where |
 * | `simulated_meter.ts` | what each meter is |
 * | `capture.ts` | a captured text → what the meter says |
 * | `meter.ts` | the meter's half of the conversation, a dialogue |
 * | `replay.ts` | a recording, played back |
 * | `dlms_meter.ts`, `dlms_objects.ts` | mode E: a DLMS meter, its associations and objects |
 * | `programming.ts`, `registers.ts` | its half of programming mode; its registers, passwords and habits |
 * | `load_profile.ts` | a load profile that nobody measured |
 * | `speech.ts` | what it says and hears, faults included |
 * | `client_messages.ts` | what a client may say |
 * | `live.ts` | values that move |
 * | `sleep.ts` | what wakes a battery meter |
 * | `distortions.ts` | what faults make of its messages |
 * | `faults.ts` | what may go wrong |
 * | `statistics.ts` | what happened, in numbers and words |
 * | `serve.ts` | carries out the meter's steps in its own time |
 * | `wire.ts` | characters take their time; wrong speeds and collisions garble |
 * | `tcp_port.ts`, `pty_port.ts` | where the client sits |
 * @module
 */
import { follow } from "../abort.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Dialogue } from "../dialogue.ts";
import { LineError } from "../errors.ts";
import { SIGN_ON_LINE } from "../line.ts";
import { Faults } from "./faults.ts";
import type { SimulatorOptions } from "./options.ts";
import { openPtyPort } from "./pty_port.ts";
import { Replay } from "./replay.ts";
import { serve } from "./serve.ts";
import { simulatedMeter } from "./simulated_meter.ts";
import { HangUp, type MeterEvent } from "./speech.ts";
import { count, describe, newStatistics, type Statistics } from "./statistics.ts";
import { tcpPort } from "./tcp_port.ts";
import { type Port, Wire, type WireOptions } from "./wire.ts";

export { type Capture, parseCaptures, type SimulatedMode } from "./capture.ts";
export { type Fault, FAULTS, parseFault } from "./faults.ts";
export type { SimulatedMeter, SimulatorOptions } from "./options.ts";
export type { ReplayOptions } from "./replay.ts";
export type { Statistics } from "./statistics.ts";
export { type DlmsOptions, exampleKeys } from "./dlms_meter.ts";
export { PUSH_FRAMINGS } from "./dlms_push.ts";
export type { Port } from "./wire.ts";
export { type Dialect, DIALECTS, parseDialect, type ProgrammedOptions } from "./registers.ts";

/** A running simulation; disposed, it is gone with all its connections, and the link of its pseudo-terminal too. */
export interface Simulator extends AsyncDisposable {
  /** What a reader is given: `tcp://127.0.0.1:40001`, or the path of the pseudo-terminal's link. */
  readonly endpoint: string;
  readonly statistics: Readonly<Statistics>;
  /** Resolves when it has ended: disposed, or aborted by the signal. */
  readonly ended: Promise<void>;
}

/** Pieces in which a TCP converter hands bytes over, ms on the wire: it collects before it sends. */
const TCP_PIECE_MS = 200;
/** A pseudo-terminal hands bytes over as they come, ms on the wire. */
const PTY_PIECE_MS = 4;
/** A pseudo-terminal that was hung up comes back after so long. */
const UNPLUGGED_MS = 1000;

/** Starts meters. @throws {Error} when the address or the link can't be had */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const simulation = new Simulation(options);
  const { listen } = options;
  return "tcp" in listen ? simulation.onTcp(listen.tcp) : await simulation.onPty(listen.pty);
}

/** Meters on a wire of one's own, until its client is gone. The options' `listen` is not looked at. */
export async function serveMeters(options: Omit<SimulatorOptions, "listen">, port: Port): Promise<void> {
  await new Simulation({ ...options, listen: { pty: "" } }).onPort(port);
}

class Simulation {
  readonly #options: SimulatorOptions;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #meters: readonly { life(): Dialogue<never> }[];
  readonly #replay: Replay | undefined;
  #lastMessage = "";
  readonly #tasks = new Set<Promise<void>>();
  readonly statistics: Statistics = newStatistics();

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#faults = new Faults(options.faults);
    const { signal } = options;
    this.#signal = this.#stop.signal;
    signal?.addEventListener("abort", () => this.#stop.abort(signal.reason), {
      once: true,
      signal: this.#stop.signal,
    });
    if (signal?.aborted) this.#stop.abort(signal.reason);
    const world = {
      ...{ options, clock: this.#clock, faults: this.#faults, startMs: this.#clock.now() },
      notice: (event: MeterEvent) => this.#notice(event),
    };
    this.#meters = options.meters.map((meter) => simulatedMeter(meter, world));
    this.#replay = options.replay && new Replay({ ...options.replay, paced: this.#paced });
  }

  /** Every client that connects has the wire and the meters for itself. */
  onTcp(address: string): Simulator {
    const [, hostname, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
    const listener = listen(hostname!, Number(port));
    const accept = async () => {
      for await (const connection of listener) {
        this.#clientCame();
        connection.setNoDelay(true);
        this.#start(this.#onWire(tcpPort(connection), TCP_PIECE_MS).then(() => {}));
      }
    };
    this.#start(accept());
    const close = () => listener.close();
    this.#signal.addEventListener("abort", close, { once: true });
    const { port: actual } = listener.addr as Deno.NetAddr;
    return this.#simulator(`tcp://${hostname!.includes(":") ? `[${hostname}]` : hostname}:${actual}`);
  }

  /** A client that is there already. */
  async onPort(port: Port): Promise<void> {
    this.#clientCame();
    await this.#onWire(port, TCP_PIECE_MS);
  }

  /** One client at a time, as on a real port. After a hang-up the port comes back at the same link. */
  async onPty(link: string): Promise<Simulator> {
    const first = await this.#plug(link);
    const run = async () => {
      for (let port = first;; port = await this.#plug(link)) {
        const hungUp = await this.#onWire(port, PTY_PIECE_MS);
        await Deno.remove(link).catch(() => {});
        if (!hungUp) return;
        await this.#clock.sleep(UNPLUGGED_MS, this.#signal);
      }
    };
    this.#start(run());
    return this.#simulator(link);
  }

  async #plug(link: string): Promise<Port> {
    const port = await openPtyPort({
      clock: this.#clock,
      watched: this.#paced,
      onClient: () => this.#clientCame(),
    });
    try {
      await removeOldLink(link);
      await Deno.symlink(port.path, link);
    } catch (error) {
      await port[Symbol.asyncDispose]();
      throw error;
    }
    return port;
  }

  #simulator(endpoint: string): Simulator {
    const ended = (async () => {
      while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    })();
    const stop = this.#stop;
    return {
      endpoint,
      statistics: this.statistics,
      ended,
      async [Symbol.asyncDispose]() {
        stop.abort(new DOMException("The simulator was disposed", "AbortError"));
        await ended;
      },
    };
  }

  /** Keeps a task until it is done. What ends it when we stop is no news; any other failure is told. */
  #start(work: Promise<void>): void {
    const task = work.catch((error) => {
      if (!this.#signal.aborted) this.#options.log?.error(`The simulator lost a line: ${error.message}`);
    }).finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  /** All meters on a new wire, until its client is gone or we stop. @returns whether a meter hung up */
  async #onWire(port: Port, pieceMs: number): Promise<boolean> {
    using here = follow(this.#signal);
    const { signal } = here;
    const wire = new Wire(port, this.#wireOptions(pieceMs));
    const halves = this.#replay ? [this.#replay.session()] : this.#meters.map((its) => its.life());
    const lives = halves.map((half) => serve(half, wire.attach(), this.#clock, signal));
    const close = () => void port[Symbol.asyncDispose]();
    signal.addEventListener("abort", close, { once: true });
    try {
      return await Promise.race([...lives, wire.listen(signal)]);
    } catch (error) {
      if (error instanceof HangUp) return true;
      if (error instanceof LineError) this.#replay?.left();
      if (this.#signal.aborted || error instanceof LineError) return false;
      throw error;
    } finally {
      here.abort(new DOMException("The wire is gone", "AbortError"));
      await Promise.allSettled(lives);
      await port[Symbol.asyncDispose]();
    }
  }

  #wireOptions(pieceMs: number): WireOptions {
    const slow = this.#faults.get("slow")?.argument ?? "";
    const converter = this.#faults.get("converter");
    return {
      clock: this.#clock,
      paced: this.#paced,
      pieceMs,
      slowness: /^[\d.]+$/.test(slow) ? Number(slow) : 1,
      echo: this.#faults.get("echo")?.argument === "fast" ? "fast" : this.#faults.get("echo") !== undefined,
      parity: this.#faults.get("parity") !== undefined,
      ...converter && { clientBaud: Number(converter.argument ?? SIGN_ON_LINE.baud) },
      complain: (message) => this.#notice({ kind: "complaint", message }),
    };
  }

  get #paced(): boolean {
    return this.#options.pacing ?? true;
  }

  #clientCame(): void {
    this.statistics.clients++;
    this.#options.log?.debug("A client came");
  }

  #notice(event: MeterEvent): void {
    count(this.statistics, event);
    const { log } = this.#options;
    const message = describe(event);
    if (event.kind !== "complaint") log?.debug(message);
    else if (message !== this.#lastMessage) log?.warning(message); // one for each piece would bury the rest
    this.#lastMessage = message;
  }
}

function listen(hostname: string, port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname, port, tcpBacklog: 4096 });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
    throw new LineError("busy", `Cannot listen on tcp://${hostname}:${port}: another process does`, { cause });
  }
}

/** A link that a simulator left behind gives way; anything else at that path is somebody's. */
async function removeOldLink(link: string): Promise<void> {
  try {
    const { isSymlink } = await Deno.lstat(link);
    if (isSymlink && (await Deno.readLink(link)).startsWith("/dev/pts/")) await Deno.remove(link);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
