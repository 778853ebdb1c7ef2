/** `obisd discover` where it takes many ways until a meter is found: they are searched side by side. @module */
import assert from "node:assert/strict";
import { loadConfig } from "../../src/config.ts";
import { parseSimulatedDlms } from "../../src/cli/simulate_dlms.ts";
import { writeConfiguration } from "../../src/discovery/configuration.ts";
import { type Arrival, type Dialogue, pause, send, type Step } from "../../src/dialogue.ts";
import type { FoundDlms } from "../../src/discovery/dlms_meter.ts";
import { encodeFrame, findFrame, hdlcAddress } from "../../src/dlms/mod.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { parseCaptures, parseFault, startSimulator } from "../../src/simulator/mod.ts";
import { testMeter } from "../support/dlms_meter.ts";
import { station } from "../support/dlms_stations.ts";
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

/** A simulated DLMS meter, or several with these numbers on one line. */
function dlmsMeter(
  values: Record<string, string>,
  { faults = [], numbers }: { readonly faults?: readonly string[]; readonly numbers?: readonly string[] } = {},
) {
  const captures = parseCaptures(toBytes(TELEGRAM.replace("/ABC5METER", "/ABC5\\2METER")));
  return startSimulator({
    meters: numbers?.map((address) => ({ captures, address })) ?? [{ captures }],
    listen: { tcp: "127.0.0.1:0" },
    dlms: parseSimulatedDlms({ values, positionals: [] }),
    faults: faults.map(parseFault),
    mode: "C",
    pacing: false,
    clock: hastyClock,
  });
}

async function withFile(use: (file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/obisd.yaml`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Whom to find, and what is said of them. */
const SEARCHES: Readonly<Record<string, () => Promise<void>>> = {
  async "a DLMS meter that is asked at once"() {
    await using asked = await dlmsMeter({ opening: "hdlc" });
    const { code, out, err } = await runCommand(["discover", asked.endpoint]);
    assert.deepEqual([code, /obisd read 'tcp:.*' --mode E --opening hdlc$/m.test(out)], [0, true], out + err);
  },

  async "DLMS meters that share an HDLC line, likely numbers by themselves and others by theirs: all are written"() {
    const lines: [numbers: string[], args: string[]][] = [
      [["17", "18"], []],
      [["101", "16000"], ["--physical", "100-103,16000"]],
      [["17", "18"], ["--physical", "17,18"]],
    ];
    for (const [numbers, args] of lines) {
      await using line = await dlmsMeter({ opening: "hdlc" }, { numbers });
      await withFile(async (file) => {
        const { code, out, err } = await runCommand(["discover", line.endpoint, ...args, "--write", file]);
        assert.equal(code, 0, err);
        for (const number of numbers) {
          assert.match(out, new RegExp(`device +OBI0+${number}1\n[^]* --opening hdlc --server 1/${number}\n`));
        }
        const { lines, meters } = await loadConfig(file);
        assert.deepEqual([lines.length, meters.map(({ dlms }) => String(dlms!.physical))], [1, numbers]);
        for (const { name } of meters) {
          const read = await runCommand(["read", name, "-c", file, "--obis", "1.8.0", "--format", "json"]);
          assert.deepEqual([read.code, read.out.includes('"obis":"1-0:1.8.0*255"')], [0, true], read.err);
        }
        const again = await runCommand(["discover", line.endpoint, ...args, "--write", file]);
        for (const { name } of meters) assert.ok(again.err.includes(`has it already: ${name}`), again.err);
        assert.equal((await loadConfig(file)).meters.length, numbers.length);
      });
    }
  },

  async "a DLMS meter that takes every number for its own: it is one"() {
    await using meter = serveTcp(() => anyNumber());
    const { code, out, err } = await runCommand(["discover", meter.endpoint, "--json"]);
    const found = JSON.parse(out).map(({ way, physical }: FoundDlms) => [way, physical]);
    assert.deepEqual([code, found], [0, [["hdlc", undefined]]], err);
  },

  async "a DLMS meter behind the wrapper, with the configuration that reads it"() {
    await using asked = await dlmsMeter({ opening: "wrapper" });
    await withFile(async (file) => {
      const { code, out, err } = await runCommand(["discover", asked.endpoint, "--json", "--write", file]);
      assert.equal(code, 0, err);
      const [found] = JSON.parse(out.slice(0, out.indexOf("\n]\n") + 2));
      assert.deepEqual([found.way, found.shown.profile], ["wrapper", { name: "1-0:99.1.0*255", isOpen: true }]);
      const { meters: [meter] } = await loadConfig(file);
      assert.deepEqual([meter!.mode, meter!.dlms!.opening, meter!.dlms!.client], ["E", "wrapper", 16]);
      assert.equal(meter!.backfill!.profile, "1-0:99.1.0*255");
      assert.ok(meter!.obis!.includes("1-0:1.8.0*255"), String(meter!.obis));
      const read = await runCommand(["read", meter!.name, "-c", file, "--format", "json"]);
      assert.deepEqual([read.code, read.out.includes('"obis":"1-0:1.8.0*255"')], [0, true], read.err);
      const again = await runCommand(["discover", asked.endpoint, "--write", file]);
      assert.match(again.err, new RegExp(`has it already: ${meter!.name}`));
    });
  },

  async "a DLMS meter that offers it in its identification, gives no readout, and wants a password for its registers"() {
    await using asked = await dlmsMeter({ password: "12345678" }, { faults: ["require-ack:252"] });
    await withFile(async (file) => {
      const { code, out, err } = await runCommand(["discover", asked.endpoint, "--write", file]);
      assert.equal(code, 0, err);
      assert.match(out, /A DLMS meter\n.*\n {2}shows +3 values without a password\n[^]*--client 1 --password ask/);
      const text = await Deno.readTextFile(file);
      assert.match(text, /# password: \{ credential: (dlms-\w+)-password \}\n +# dlms: \{ client: 1 \}/);
      const { meters: [meter] } = await loadConfig(file);
      assert.deepEqual([meter!.mode, meter!.dlms!.opening, meter!.obis], ["E", "sign-on", undefined]);
    });
  },

  async "a meter that shows its load profile to whoever asks, and one that does not"() {
    for (const profile of ["UTC", undefined]) {
      await using asked = await startSimulator({
        meters: [{ captures: parseCaptures(toBytes(TELEGRAM.replace("/ABC5METER", "/EMH5\\@01LZQJ"))) }],
        listen: { tcp: "127.0.0.1:0" },
        ...profile && { profile },
        pacing: false,
        clock: hastyClock,
      });
      await withFile(async (file) => {
        const { code, err } = await runCommand(["discover", asked.endpoint, "--write", file]);
        assert.equal(code, 0, err);
        const { meters: [meter] } = await loadConfig(file);
        assert.equal(meter!.backfill?.profile, profile && "P.01", err);
        const told = /# backfill: \{ profile: P\.01 \}\n +# password: \{ credential:/.test(
          await Deno.readTextFile(file),
        );
        assert.equal(told, profile === undefined, "its type has one: it is said how it may be had");
      });
    }
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
    await withFile(async (file) => {
      await writeConfiguration(file, JSON.parse(out));
      const { meters: [meter] } = await loadConfig(file);
      assert.deepEqual([meter!.mode, meter!.dlms!.opening, meter!.obis], ["E", "push", undefined]);
    });
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

/** A meter that answers with whatever number it is asked by. */
function* anyNumber(): Dialogue<never> {
  let asked = hdlcAddress(1);
  const fault = (octets: Uint8Array) => encodeFrame({ ...findFrame()(octets)!.value, source: asked });
  const its = station(testMeter(), { fault });
  for (let step = its.next();;) {
    const came: Arrival = yield step.value as Step;
    if (came.bytes.length > 0) asked = findFrame()(came.bytes)?.value.destination ?? asked;
    step = its.next(came);
  }
}

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
