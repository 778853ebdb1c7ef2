/** `--record` and `simulate --replay`: what went wrong at a meter goes wrong again anywhere, and no password is told. @module */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { parseSimulatedDlms } from "../../src/cli/simulate_dlms.ts";
import { playBack } from "../../src/cli/play_back.ts";
import { createLog } from "../../src/log.ts";
import { parseRecording } from "../../src/recording.ts";
import { parseCaptures, parseFault, startSimulator } from "../../src/simulator/mod.ts";
import { toBytes } from "../../src/iec62056/characters.ts";
import { hastyClock } from "../support/hasty_clock.ts";
import { meter, runCommand, SAID, TELEGRAM, textsOf } from "../support/read_meter.ts";
import { obisd } from "../support/running.ts";

const MAIN = new URL("../../src/main.ts", import.meta.url).pathname;

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Starts `obisd simulate --replay … --strict`; `ended`: its exit code and what it said on standard error. */
async function startReplay(file: string, ...where: string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--cached-only", "--allow-all"],
      ...[MAIN, "simulate", "--replay", file, "--strict", ...where],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  await reader.cancel();
  const ended = (async () => ({ code: (await child.status).code, said: await said }))();
  return { endpoint: value.replace("Listening on ", "").trim(), ended };
}

/** Faults, and the exit code of a reading. */
const FAULTS: [faults: string[], code: number][] = [
  [[], 0],
  [["bad-bcc:1"], 0],
  [["silent:data"], 69],
  [["garbage:data"], 76],
  [["truncate:20"], 65],
  [["disconnect"], 74],
];

for (const [faults, code] of FAULTS) {
  Deno.test(`read --record, --replay: ${faults.join() || "no fault"}, exit ${code} both times`, async () => {
    await withFolder(async (folder) => {
      const read = (endpoint: string, name: string) =>
        runCommand(["read", endpoint, "--record", `${folder}/${name}`, "--format", "json"]);
      const first = await (async () => {
        await using simulator = await meter({ faults });
        return await read(simulator.endpoint, "first");
      })();
      assert.equal(first.code, code, first.err);
      const { promise: endpoint, resolve: onListen } = Promise.withResolvers<string>();
      let told = "";
      const context = {
        log: createLog({ level: "warning", format: "terminal", colour: false, write: (text) => told += text }),
        signal: new AbortController().signal,
        print: () => {},
        clock: hastyClock,
      };
      const options = { listen: { tcp: "127.0.0.1:0" }, pacing: false, strict: true, onListen };
      const played = playBack(`${folder}/first`, options, context);
      const again = await read(await endpoint, "again");
      assert.deepEqual([again.code, await played, told], [code, 0, ""], again.err);
      assert.deepEqual(textsOf(again.out), textsOf(first.out));
      assert.deepEqual(await spoken(`${folder}/again`), await spoken(`${folder}/first`));
    });
  });
}

Deno.test("read --record, simulate --replay: on a pseudo-terminal, at the pace of the wire", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/meter.txt`, TELEGRAM);
    const link = `${folder}/meter`;
    {
      await using _simulator = await startSimulator({
        meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
        listen: { pty: link },
        faults: [parseFault("bad-bcc:1")],
      });
      assert.equal((await obisd("read", link, "--record", `${folder}/first`)).code, 0);
    }
    const { ended } = await startReplay(`${folder}/first`, "--pty", link);
    const again = await obisd("read", link, "--record", `${folder}/again`, "--format", "json");
    const { code, said } = await ended;
    assert.deepEqual([again.code, code], [0, 0], again.stderr + said);
    assert.deepEqual(textsOf(again.stdout), SAID);
    assert.deepEqual(await spoken(`${folder}/again`), await spoken(`${folder}/first`));
  });
});

/** What was said in a recording: all bytes of one side, then of the other, and so on. */
async function spoken(file: string): Promise<string[]> {
  const turns: { kind: string; text: string }[] = [];
  for (const event of parseRecording(await Deno.readTextFile(file))) {
    const text = event.kind === "sent" || event.kind === "received" ? event.text : event.kind;
    if (turns.at(-1)?.kind === event.kind) turns.at(-1)!.text += text;
    else if (event.kind !== "open") turns.push({ kind: event.kind, text });
  }
  return turns.map(({ kind, text }) => `${kind} ${text}`);
}

Deno.test("simulate --replay --strict: a client that says otherwise is told where, exit 76", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/first.jsonl`;
    {
      await using simulator = await meter({});
      await runCommand(["read", simulator.endpoint, "--record", file]);
    }
    const { endpoint, ended } = await startReplay(file, "--listen", "tcp://127.0.0.1:0");
    await obisd("read", endpoint, "--address", "77");
    const { code, said } = await ended;
    assert.equal(code, 76, said);
    assert.match(said, /first\.jsonl:4: the client says \/\?77!<CR><LF>; recorded is \/\?!<CR><LF>/);
  });
});

Deno.test("get, clock, send --record: a password is in no recording, nor what tells a part of it", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/password`, "SESAME77\n");
    for (const command of [["get", "1.8.0"], ["clock"], ["send", "--command", "R5", "--data", "1.8.0()"]]) {
      for (const faults of [[], [{ name: "echo" as const }]]) {
        await using simulator = await startSimulator({
          meters: [{
            captures: parseCaptures(toBytes(TELEGRAM.replace("0.0.0", "0.9.1(1)\r\n0.9.2(240601)\r\n0.0.0"))),
          }],
          listen: { tcp: "127.0.0.1:0" },
          programming: { password: "SESAME77", protects: "reading" },
          faults,
          pacing: false,
          clock: hastyClock,
        });
        const [name, ...words] = command;
        const args = ["--password", `file:${folder}/password`, "--record", `${folder}/r.jsonl`];
        const { err } = await runCommand([name!, simulator.endpoint, ...words, ...args]);
        const kept = await Deno.readTextFile(`${folder}/r.jsonl`);
        assert.match(kept, /P1\\u0002\(\*\*\*\)\\u0003\*","masked":true/, err);
        assert.doesNotMatch(kept, /SESAME|ESAM|0e/);
        assert.match(kept, /"exit":\d+/);
      }
    }
  });
});

Deno.test("read --record: what cannot be written is exit 64 before the meter is asked; no option of other commands", async () => {
  await withFolder(async (folder) => {
    const { code, err } = await runCommand(["read", "tcp://127.0.0.1:1", "--record", `${folder}/none/r.jsonl`]);
    assert.deepEqual([code, /--record: /.test(err)], [64, true], err);
    const refused = await runCommand(["read", "tcp://127.0.0.1:1", "--record", `${folder}/r.jsonl`]);
    assert.equal(refused.code, 69);
    assert.match(await Deno.readTextFile(`${folder}/r.jsonl`), /"exit":69,"said":"Cannot connect to tcp:/);
    assert.equal((await runCommand(["decode", "-", "--record", "x"])).code, 64);
  });
});

Deno.test("simulate --replay: what cannot be played is told", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/none`, "hello\n");
    const listen = ["--listen", "tcp://127.0.0.1:0"];
    const cases: [string[], number, RegExp][] = [
      [["--replay", `${folder}/none`, ...listen], 64, /none: This is no recording/],
      [["--replay", `${folder}/missing`, ...listen], 66, /missing/],
      [["--replay", `${folder}/none`], 64, /Say where/],
      [["--replay", `${folder}/none`, "meter.txt", ...listen], 64, /takes no telegram/],
      [["--replay", `${folder}/none`, "--live", ...listen], 64, /takes no --live/],
      [["meter.txt", "--strict", ...listen], 64, /--strict is for a recording/],
    ];
    for (const [args, code, said] of cases) {
      const outcome = await runCommand(["simulate", ...args]);
      assert.equal(outcome.code, code, outcome.err);
      assert.match(outcome.err, said);
    }
  });
});

Deno.test("read --mode E --record, --replay: neither a password nor the answer to a challenge is kept, and it can be played", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/password`, "12345678\n");
    const challenge = new TextEncoder().encode("SimulatedMeter1612345678");
    const answer = createHash("md5").update(challenge).digest("hex").toUpperCase().match(/../g)!.join(" ");
    for (const [auth, opening] of [["low", "hdlc"], ["md5", "hdlc"], ["low", "wrapper"]] as const) {
      const file = `${folder}/${auth}-${opening}`;
      const args = ["--mode", "E", "--opening", opening, "--client", "1", "--auth", auth, "--obis", "1.8.0"];
      const secret = ["--password", `file:${folder}/password`];
      const first = await (async () => {
        await using simulator = await startSimulator({
          meters: [{ captures: parseCaptures(toBytes(TELEGRAM)) }],
          listen: { tcp: "127.0.0.1:0" },
          dlms: parseSimulatedDlms({ values: { opening, auth, password: "12345678" }, positionals: [] }),
          pacing: false,
          clock: hastyClock,
        });
        return await runCommand(["read", simulator.endpoint, ...args, ...secret, "--record", file, "--format", "json"]);
      })();
      assert.equal(first.code, 0, first.err);
      const kept = await Deno.readTextFile(file);
      assert.match(kept, /"sent_hex":"[^"]*\*\* \*\*[^"]*","masked":true/);
      assert.ok(!kept.includes("31 32 33 34 35 36") && !kept.includes("12345678") && !kept.includes(answer), kept);
      if (auth === "md5") continue; // each time another challenge
      const { endpoint, ended } = await startReplay(file, "--listen", "tcp://127.0.0.1:0", "--no-pacing");
      const again = await obisd("read", endpoint, ...args, ...secret, "--format", "json");
      assert.deepEqual([again.code, (await ended).code], [0, 0], again.stderr);
      assert.deepEqual(textsOf(again.stdout), textsOf(first.out));
    }
  });
});
