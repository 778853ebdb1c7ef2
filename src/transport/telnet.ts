/**
 * What a network port and its client say beside the meter's own bytes: telnet (RFC 854) and the COM port option
 * (RFC 2217). Pure: bytes in, events out.
 * @module
 */

const [IAC, SB, SE] = [0xff, 0xfa, 0xf0];
const CR = 0x0d;

/** What one side says about an option: will I, won't I, do you, don't you. */
export const VERB = { WILL: 0xfb, WONT: 0xfc, DO: 0xfd, DONT: 0xfe } as const;
export type Verb = keyof typeof VERB;

/** The options that a serial line over telnet needs. */
export const OPTION = { BINARY: 0, SUPPRESS_GO_AHEAD: 3, COM_PORT: 44 } as const;

/** What a client asks of the port (RFC 2217, 3); the server answers with the same number and 100 more. */
export const COM_PORT = {
  SIGNATURE: 0,
  SET_BAUDRATE: 1,
  SET_DATASIZE: 2,
  SET_PARITY: 3,
  SET_STOPSIZE: 4,
  SET_CONTROL: 5,
  NOTIFY_LINESTATE: 6,
  NOTIFY_MODEMSTATE: 7,
  SET_LINESTATE_MASK: 10,
  SET_MODEMSTATE_MASK: 11,
  PURGE_DATA: 12,
} as const;

/** What is added to a command's number in its answer. */
export const ANSWER = 100;
/** Longer sub-negotiations are no speed and no name: the rest of such a one is dropped. */
const LONGEST_VALUE = 256;

/** What came: bytes of the meter, a word about an option, a word about the port. */
export type TelnetEvent =
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "option"; readonly verb: Verb; readonly option: number }
  | { readonly kind: "port"; readonly command: number; readonly value: Uint8Array };

/** Bytes for the meter: a 0xFF among them is doubled. */
export function encodeData(bytes: Uint8Array): Uint8Array {
  return bytes.includes(IAC) ? Uint8Array.from([...bytes].flatMap(doubled)) : bytes;
}

/** `IAC WILL option` and so on. */
export function encodeOption(verb: Verb, option: number): Uint8Array {
  return Uint8Array.of(IAC, VERB[verb], option);
}

/** `IAC SB COM-PORT command value IAC SE`. */
export function encodePort(command: number, value: readonly number[]): Uint8Array {
  return Uint8Array.of(IAC, SB, OPTION.COM_PORT, command, ...value.flatMap(doubled), IAC, SE);
}

/** A speed as SET-BAUDRATE carries it: four bytes, the highest first. */
export function baudBytes(baud: number): number[] {
  return [24, 16, 8, 0].map((shift) => (baud >>> shift) & 0xff);
}

const doubled = (byte: number) => byte === IAC ? [IAC, IAC] : [byte];

/** Where in the stream a decoder stands. */
type State = "data" | "command" | "option" | "value" | "value-command";

/** Takes a stream apart, in pieces of any size: each call gives the events that its bytes complete. */
export function telnetDecoder(): (bytes: Uint8Array) => TelnetEvent[] {
  let state: State = "data";
  let verb: Verb = "WILL";
  let value: number[] = [];
  return (bytes) => {
    const events: TelnetEvent[] = [];
    let data: number[] = [];
    const flush = () => {
      if (data.length > 0) events.push({ kind: "data", bytes: Uint8Array.from(data) });
      data = [];
    };
    const add = (event: TelnetEvent) => {
      flush();
      events.push(event);
    };
    for (const byte of bytes) {
      switch (state) {
        case "data":
          if (byte === IAC) state = "command";
          else data.push(byte);
          break;
        case "command": {
          const said = verbOf(byte);
          if (byte === IAC) data.push(byte);
          if (said) verb = said;
          if (byte === SB) value = [];
          state = said ? "option" : byte === SB ? "value" : "data";
          break;
        }
        case "option":
          add({ kind: "option", verb, option: byte });
          state = "data";
          break;
        case "value":
          if (byte === IAC) state = "value-command";
          else if (value.length < LONGEST_VALUE) value.push(byte);
          break;
        case "value-command":
          if (byte === IAC && value.length < LONGEST_VALUE) value.push(byte);
          if (byte === SE && value[0] === OPTION.COM_PORT && value.length > 1) {
            add({ kind: "port", command: value[1]!, value: Uint8Array.from(value.slice(2)) });
          }
          state = byte === SE ? "data" : "value";
          break;
      }
    }
    flush();
    return events;
  };
}

function verbOf(byte: number): Verb | undefined {
  return (Object.keys(VERB) as Verb[]).find((verb) => VERB[verb] === byte);
}

/** Without the BINARY option a server makes CR NUL of each CR: takes the NUL away again, also at the seam of two pieces. */
export function networkCarriageReturns(): (bytes: Uint8Array) => Uint8Array {
  let last = 0;
  return (bytes) =>
    bytes.filter((byte) => {
      const filler = byte === 0 && last === CR;
      last = byte;
      return !filler;
    });
}
