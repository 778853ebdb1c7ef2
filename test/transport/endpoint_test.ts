import assert from "node:assert/strict";
import { formatEndpoint, parseEndpoint, pushLine, signOnLine } from "../../src/transport/endpoint.ts";

const DEFAULTS = { parity_in_software: false, connect_timeout: 10_000, quiet_time: 500 };

const READABLE: readonly (readonly [text: string, endpoint: object, formatted: string])[] = [
  ["serial:///dev/serial/by-id/usb-FTDI_A-if00-port0", {
    kind: "serial",
    path: "/dev/serial/by-id/usb-FTDI_A-if00-port0",
    options: DEFAULTS,
  }, "serial:///dev/serial/by-id/usb-FTDI_A-if00-port0"],
  ["/dev/ttyS0", { kind: "serial", path: "/dev/ttyS0", options: DEFAULTS }, "serial:///dev/ttyS0"],
  ["ttyUSB0", { kind: "serial", path: "/dev/ttyUSB0", bare: true, options: DEFAULTS }, "serial:///dev/ttyUSB0"],
  [
    "rfc2217://ser2net:2217",
    { kind: "rfc2217", host: "ser2net", port: 2217, options: DEFAULTS },
    "rfc2217://ser2net:2217",
  ],
  [
    "tcp://192.168.1.20:8000",
    { kind: "tcp", host: "192.168.1.20", port: 8000, options: DEFAULTS },
    "tcp://192.168.1.20:8000",
  ],
  [
    "TCP://meter.local:4000/",
    { kind: "tcp", host: "meter.local", port: 4000, options: DEFAULTS },
    "tcp://meter.local:4000",
  ],
  ["tcp://[fe80::1]:8000?max_baud=300", {
    kind: "tcp",
    host: "fe80::1",
    port: 8000,
    options: { ...DEFAULTS, max_baud: 300 },
  }, "tcp://[fe80::1]:8000"],
  ["/dev/ttyS0?baud=2400&data_bits=8&parity=none&stop_bits=2&parity_in_software=true&dtr=on&rts=off&quiet_time=2s", {
    kind: "serial",
    path: "/dev/ttyS0",
    options: {
      baud: 2400,
      data_bits: 8,
      parity: "none",
      stop_bits: 2,
      parity_in_software: true,
      dtr: true,
      rts: false,
      connect_timeout: 10_000,
      quiet_time: 2000,
    },
  }, "serial:///dev/ttyS0"],
];

Deno.test("parseEndpoint, formatEndpoint: every form that the contract knows", () => {
  for (const [text, endpoint, formatted] of READABLE) {
    const parsed = parseEndpoint(text);
    assert.deepEqual(parsed, endpoint, text);
    assert.equal(formatEndpoint(parsed), formatted);
  }
});

Deno.test("parseEndpoint: how a meter is woken, and who changes the speed", () => {
  const { options } = parseEndpoint("tcp://a:1?baud_policy=max:2400&wake_up=66&fast_wake_up=off&ack_delay=60ms");
  assert.deepEqual(options, {
    ...DEFAULTS,
    baud_policy: 2400,
    wake_up: { nuls: 66, pauseMs: 1500 },
    fast_wake_up: { nuls: 0, pauseMs: 0 },
    ack_delay: 60,
  });
});

const UNREADABLE: readonly (readonly [text: string, reason: RegExp])[] = [
  ["", /allowed is serial:\/\/\/dev\/.*, tcp:\/\/host:port or rfc2217:/],
  ["modbus://h:1", /allowed is/],
  ["serial://dev/ttyUSB0", /three slashes/],
  ["tcp://meter", /tcp:\/\/host:port/],
  ["tcp://meter:70000", /1 to 65535/],
  ["tcp://fe80::1:8000", /IPv6 in brackets/],
  ["rfc2217://ser2net", /tcp:\/\/host:port or rfc2217:\/\/host:port/],
  ["/dev/ttyS0?maxbaud=300", /unknown option "maxbaud"; did you mean max_baud\?/],
  ["/dev/ttyS0?colour=red", /unknown option "colour"; allowed are baud, data_bits/],
  ["/dev/ttyS0?baud=300&baud=600", /baud stands twice/],
  ["/dev/ttyS0?baud=fast", /baud: "fast" is no whole number from 50/],
  ["/dev/ttyS0?data_bits=9", /data_bits: "9" is none of 7, 8/],
  ["/dev/ttyS0?parity=E&stop_bits=1.5", /parity: "E" is none of none, even, odd, auto; stop_bits: "1.5"/],
  ["/dev/ttyS0?dtr=true", /dtr: "true" is none of on, off/],
  ["tcp://h:1?connect_timeout=10", /connect_timeout: .*"10"/],
  ["tcp://h:1?prolonged_break=300ms", /prolonged_break: over plain TCP nobody can hold the line.*rfc2217/],
  ["/dev/ttyS0?prolonged_break=1m", /prolonged_break: more than 5s is no break/],
  ["tcp://h:1?wake_up=0", /wake_up: "0" is no wake-up: write 66/],
  ["tcp://h:1?baud_policy=max:200", /baud_policy: "max:200" is none of negotiate, fixed, max:N/],
];

Deno.test("parseEndpoint: what cannot be read says what is allowed", () => {
  for (const [text, reason] of UNREADABLE) assert.throws(() => parseEndpoint(text), reason, text);
});

Deno.test("signOnLine, pushLine: the standard's settings where the endpoint says nothing", () => {
  const plain = parseEndpoint("/dev/ttyS0");
  assert.deepEqual(signOnLine(plain), { baud: 300, dataBits: 7, parity: "even", stopBits: 1 });
  assert.deepEqual(pushLine(plain), { baud: 2400, dataBits: 7, parity: "even", stopBits: 1 });
  const p1 = parseEndpoint("/dev/ttyS0?baud=115200&data_bits=8&parity=none");
  assert.deepEqual(pushLine(p1), { baud: 115200, dataBits: 8, parity: "none", stopBits: 1 });
  assert.deepEqual(signOnLine(p1), pushLine(p1));
});
