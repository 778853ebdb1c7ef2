import assert from "node:assert/strict";
import {
  baudBytes,
  COM_PORT,
  encodeData,
  encodeOption,
  encodePort,
  networkCarriageReturns,
  telnetDecoder,
  type TelnetEvent,
} from "../../src/transport/telnet.ts";
import { fromHex, hasVectors, vectors } from "../support/specs.ts";

const ignore = !hasVectors;
const hex = (bytes: Uint8Array) => bytes.toHex();
const vector = (name: string) => vectors().get(`rfc2217-${name}`)!.hex;

/** Events as text, data of neighbouring pieces joined. */
function told(events: readonly TelnetEvent[]): string {
  const words = events.map((event) =>
    event.kind === "data"
      ? `data ${hex(event.bytes)}`
      : event.kind === "option"
      ? `${event.verb} ${event.option}`
      : `port ${event.command} ${hex(event.value)}`
  );
  return words.join(", ").replaceAll(/(?<=data [0-9a-f]*), data /g, "");
}

Deno.test("encodePort, encodeOption, encodeData: the vectors", { ignore }, () => {
  const port = (command: number, ...value: number[]) => hex(encodePort(command, value));
  for (const baud of [300, 600, 1200, 2400, 4800, 9600, 19200]) {
    assert.equal(port(COM_PORT.SET_BAUDRATE, ...baudBytes(baud)), vector(`baud-${baud}`));
  }
  assert.equal(port(COM_PORT.SET_BAUDRATE, ...baudBytes(65280)), vector("baud-65280"));
  assert.equal(port(COM_PORT.SET_BAUDRATE, ...baudBytes(0)), vector("baud-query"));
  assert.equal(port(COM_PORT.SET_DATASIZE, 7), vector("size-7"));
  assert.equal(port(COM_PORT.SET_DATASIZE, 8), vector("size-8"));
  assert.equal(port(COM_PORT.SET_PARITY, 3), vector("parity-even"));
  assert.equal(port(COM_PORT.SET_PARITY, 1), vector("parity-none"));
  assert.equal(port(COM_PORT.SET_STOPSIZE, 1), vector("stop-1"));
  const controls = { 1: "flow-none", 5: "break-on", 6: "break-off", 8: "dtr-on", 11: "rts-on", 12: "rts-off" };
  for (const [value, name] of Object.entries(controls)) {
    assert.equal(port(COM_PORT.SET_CONTROL, Number(value)), vector(name));
  }
  assert.equal(port(COM_PORT.SET_LINESTATE_MASK, 255), vector("linestate-mask-all"));
  assert.equal(port(COM_PORT.SET_MODEMSTATE_MASK, 0), vector("modemstate-mask-0"));
  assert.equal(port(COM_PORT.PURGE_DATA, 3), vector("purge-both"));
  assert.equal(port(COM_PORT.SIGNATURE), vector("signature-query"));
  assert.equal(hex(encodeOption("DONT", 44)), vector("refuse"));
  assert.equal(hex(encodeData(Uint8Array.of(0x41, 0xff, 0x42))), vector("data-ff"));
});

const STREAMS: readonly [name: string, events: string][] = [
  ["offer", "WILL 44, DO 44, WILL 0, DO 0, WILL 3, DO 3"],
  ["accept", "DO 44, WILL 44, DO 0, WILL 0, DO 3, WILL 3"],
  ["refuse", "DONT 44"],
  ["baud-300-reply", "port 101 0000012c"],
  ["baud-9600-reply", "port 101 00002580"],
  ["baud-65280", "port 1 0000ff00"],
  ["size-7-reply", "port 102 07"],
  ["parity-even-reply", "port 103 03"],
  ["linestate-mask-all", "port 10 ff"],
  ["purge-reply", "port 112 03"],
  ["notify-linestate", "port 106 60"],
  ["notify-parity-error", "port 106 05"],
  ["notify-modemstate", "port 107 b0"],
  ["signature-reply", "port 100 73696d2d31"],
  ["data-ff", "data 41ff42"],
  ["setup-300-7e1", "port 1 0000012c, port 2 07, port 3 03, port 4 01, port 5 01, port 5 08, port 5 0b, port 12 03"],
];

Deno.test("telnetDecoder: the vectors, whole and cut at every byte", { ignore }, () => {
  for (const [name, events] of STREAMS) {
    const bytes = fromHex(vector(name));
    assert.equal(told(telnetDecoder()(bytes)), events, name);
    for (let cut = 1; cut < bytes.length; cut++) {
      const decode = telnetDecoder();
      assert.equal(
        told([...decode(bytes.subarray(0, cut)), ...decode(bytes.subarray(cut))]),
        events,
        `${name}, ${cut}`,
      );
    }
    const decode = telnetDecoder();
    assert.equal(told([...bytes].flatMap((byte) => decode(Uint8Array.of(byte)))), events, `${name}, byte by byte`);
  }
});

Deno.test("telnetDecoder: between the words the meter's bytes go on; a word without end takes no room", () => {
  const decode = telnetDecoder();
  assert.equal(told(decode(fromHex("2f41" + "fffa2c6a60fff0" + "42fff143"))), "data 2f41, port 106 60, data 4243");
  assert.equal(told(decode(fromHex("fffa18" + "41".repeat(5000) + "fff042"))), "data 42"); // another option's word
  assert.equal(
    told(decode(fromHex("fffa2c64" + "41".repeat(5000) + "fff042"))),
    `port 100 ${"41".repeat(254)}, data 42`,
  );
});

Deno.test("networkCarriageReturns: the NUL behind a CR goes, also at a seam; other NULs stay", () => {
  const clean = networkCarriageReturns();
  assert.equal(hex(clean(fromHex("2f0d000a000d"))), "2f0d0a000d");
  assert.equal(hex(clean(fromHex("000a"))), "0a");
});
