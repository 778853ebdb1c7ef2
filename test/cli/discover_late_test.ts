/** `obisd discover` where it takes many ways until a meter is found: they are searched side by side. @module */
import assert from "node:assert/strict";
import { parseSimulatedDlms } from "../../src/cli/simulate_dlms.ts";
import { pause, send } from "../../src/dialogue.ts";
import { encodeFrame, hdlcAddress } from "../../src/dlms/mod.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { parseCaptures, parseFault, startSimulator } from "../../src/simulator/mod.ts";
import { hastyClock, withoutHaste } from "../support/hasty_clock.ts";
import { runCommand, TELEGRAM } from "../support/read_meter.ts";
import { serveTcp } from "../support/serve_dialogue.ts";

/** A DLMS message in an HDLC frame: a meter's own words to nobody in particular. */
const PUSHED = encodeFrame({
  destination: hdlcAddress(16),
  source: hdlcAddress(1),
  control: { kind: "UI", poll: false },
  segmented: false,
  information: Uint8Array.of(0xe6, 0xe7, 0x00, 0x0f, 0, 0, 0, 1, 0, 0x02, 0x01, 0x06, 0, 0, 0, 7),
});

/** Whom to find, and what is said of them. */
const SEARCHES: Readonly<Record<string, () => Promise<void>>> = {
  async "a DLMS meter that is asked at once"() {
    await using asked = await startSimulator({
      meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
      listen: { tcp: "127.0.0.1:0" },
      dlms: parseSimulatedDlms({ values: { opening: "hdlc" }, positionals: [] }),
      pacing: false,
      clock: hastyClock,
    });
    const { code, out, err } = await runCommand(["discover", asked.endpoint]);
    assert.deepEqual([code, /obisd read 'tcp:.*' --mode E --opening hdlc/.test(out)], [0, true], out + err);
  },

  async "a DLMS meter that speaks by itself"() {
    await using pushes = serveTcp(function* () {
      while (true) {
        yield* send(PUSHED);
        yield* pause(500);
      }
    });
    const { code, out, err } = await runCommand(["discover", pushes.endpoint, "--json"]);
    assert.deepEqual([code, JSON.parse(out)], [0, [{ way: "push", url: pushes.endpoint }]], err);
  },

  async "a battery meter that only NULs wake: they are in its endpoint"() {
    await using simulator = await startSimulator({
      meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
      listen: { tcp: "127.0.0.1:0" },
      faults: [parseFault("asleep")],
      clock: hastyClock,
    });
    const { code, out, err } = await runCommand(["discover", simulator.endpoint, "--json"]);
    assert.deepEqual([code, JSON.parse(out)[0].url], [0, `${simulator.endpoint}?wake_up=66/3700ms`], err);
  },

  async "a meter behind a converter that hangs up on what it cannot understand"() {
    await using converter = fussyConverter();
    const { code, out, err } = await runCommand(["discover", converter.endpoint, "--json"]);
    assert.deepEqual([code, JSON.parse(out)[0]?.url], [0, `${converter.endpoint}?parity_in_software=true`], err);
  },
};

Deno.test("discover: DLMS meters, battery meters and fussy converters are found in the end", async (test) => {
  const late: string[] = [];
  await Promise.all(Object.entries(SEARCHES).map(([whom, search]) => search().catch(() => late.push(whom))));
  for (const whom of late) await test.step(whom, () => withoutHaste(SEARCHES[whom]!)); // the host was too busy
});

/** Hangs up on a request without parity bits, and is a meter to one that has them. */
function fussyConverter() {
  const captures = parseCaptures(toBytes(TELEGRAM));
  const simulating = startSimulator({
    meters: [{ captures }],
    listen: { tcp: "127.0.0.1:0" },
    faults: [parseFault("parity")],
    pacing: false,
    clock: hastyClock,
  });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const simulator = await simulating;
    for await (const connection of listener) {
      const first = new Uint8Array(64);
      const count = await connection.read(first);
      if (count === null || first.subarray(0, count).every((byte) => byte < 0x80)) {
        connection.close();
        continue;
      }
      const [hostname, port] = simulator.endpoint.replace("tcp://", "").split(":");
      const meter = await Deno.connect({ hostname: hostname!, port: Number(port) });
      await meter.write(first.subarray(0, count));
      connection.readable.pipeTo(meter.writable).catch(() => {});
      meter.readable.pipeTo(connection.writable).catch(() => {});
    }
    await simulator[Symbol.asyncDispose]();
  })();
  return {
    endpoint: `tcp://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}
