/** A DLMS meter at the end of a line: on HDLC, on the wrapper, behind a sign-on. @module */
import { type Dialogue, Inbox, send, setLine } from "../../src/dialogue.ts";
import {
  decodeCiphered,
  hdlcAddress,
  hdlcStation,
  type Meter,
  Server,
  type StationOptions,
  wrapperStation,
} from "../../src/dlms/mod.ts";
import { toBytes, toText } from "../../src/iec62056/mod.ts";
import { SIGN_ON_LINE } from "../../src/line.ts";

const AARQ = 0x60;
const PATIENCE = { firstMs: 60_000, nextMs: 60_000, limitBytes: 4096 };

/** A meter on HDLC. */
export function station(meter: Meter, options: Partial<StationOptions> = {}): Dialogue<void> {
  return hdlcStation({ address: hdlcAddress(1), serve: (client) => new Server(meter, client), ...options });
}

/** A meter on the wrapper. */
export function wrapped(meter: Meter): Dialogue<never> {
  return wrapperStation({ port: 1, serve: (client) => new Server(meter, client) });
}

/** A meter that begins with the sign-on, each time anew; `otherwise` when it is asked for anything but mode E. */
export function* signedOn(
  meter: Meter | (() => Meter),
  identification: string,
  otherwise?: () => Dialogue<void>,
  serve?: StationOptions["serve"],
): Dialogue<never> {
  const inbox = new Inbox();
  while (true) {
    if (!(yield* line(inbox)).endsWith("/?!\r\n")) continue;
    yield* send(toBytes(`${identification}\r\n`));
    if ((yield* line(inbox)) === "\x06252\r\n") {
      yield* setLine({ ...SIGN_ON_LINE, baud: 9600 });
      yield* send(toBytes("\x06252\r\n"));
      yield* station(typeof meter === "function" ? meter() : meter, { once: true, ...serve && { serve } });
      yield* setLine(SIGN_ON_LINE);
    } else if (otherwise) yield* otherwise();
  }
}

function* line(inbox: Inbox): Dialogue<string> {
  const { value } = yield* inbox.take((bytes) => {
    const end = bytes.indexOf(0x0a) + 1;
    return end > 0 ? { start: 0, end, value: toText(bytes.subarray(0, end)) } : undefined;
  }, PATIENCE);
  return value;
}

/** A meter's servers that write down the number of each ciphered message but the sign-on's. */
export function listening(meter: () => Meter, heard: number[]): StationOptions["serve"] {
  return (client) => {
    const server = new Server(meter(), client);
    return {
      answer(apdu) {
        const outer = apdu[0] === AARQ ? undefined : decodeCiphered(apdu);
        if (outer) heard.push(new DataView(outer.ciphered.buffer, outer.ciphered.byteOffset).getUint32(1));
        return server.answer(apdu);
      },
    };
  };
}
