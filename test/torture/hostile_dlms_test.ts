/** A DLMS meter that does what no meter should, in whole sessions: an error in words, in time, and nothing invented. */
import assert from "node:assert/strict";
import { ProtocolError, RefusalError, SilenceError } from "../../src/errors.ts";
import { converse } from "../../src/session.ts";
import { openTransport, parseEndpoint } from "../../src/transport/mod.ts";
import { askHostile, dlmsEnds, fuzzDlmsSessions, readHostile, truth } from "../../torture/fuzz_dlms_sessions.ts";
import { type Carrier, dlmsMeter, LINES, MESSAGES, type Scene } from "../../torture/hostile_dlms.ts";

const SOUND: Scene = {};
const PACE = { piece: 4096, gapMs: 400 };
const CARRIERS: readonly Carrier[] = ["hdlc", "wrapper"];

/** From this answer on all are spoilt: connection, association, its proof, the first value, the middle. */
const STEPS = [0, 1, 2, 4, 7];

for (const [kind, all] of [["message", MESSAGES], ["octets", LINES]] as const) {
  for (const [name, spoil] of Object.entries(all)) {
    Deno.test(`Client: of a meter that sends ${name} (${kind}), at every step`, async () => {
      const truths = await truth("codes");
      for (const carrier of CARRIERS) {
        for (const login of ["none", "ciphered"] as const) {
          for (const step of STEPS) {
            const sceneOf = (n: number) => n < step ? SOUND : { [kind]: spoil };
            const { facts } = await readHostile({ carrier, login, question: "codes", sceneOf, pace: PACE });
            const invented = login === "ciphered" ? facts.filter((fact) => !truths.has(fact)) : [];
            assert.deepEqual(invented, [], `${carrier} ${login} from ${step}`);
          }
        }
      }
    });
  }
}

Deno.test("Client: each spoilt answer has its own words", async () => {
  const cases: readonly [Carrier, number, Scene, RegExp][] = [
    [
      "wrapper",
      1,
      { message: MESSAGES["a thousand structures, one in the other"]! },
      /nested more than 16 deep/,
    ],
    [
      "wrapper",
      1,
      { message: MESSAGES["a general block transfer that never goes on"]! },
      /out of turn, or without end/,
    ],
    ["hdlc", 2, { octets: LINES["the link dropped"]! }, /dropped the link \(DM\)/],
    [
      "hdlc",
      2,
      { octets: LINES["not ready, for ever"]! },
      /No answer from meter 1\/17 to a question that it has taken, asked \d+ times/,
    ],
    ["hdlc", 0, { octets: LINES["silence"]! }, /requests to connect \(SNRM\)/],
    ["hdlc", 2, { octets: LINES["silence"]!, then: "hang up" }, /hung up/],
  ];
  for (const [carrier, step, scene, words] of cases) {
    const sceneOf = (n: number) => n < step ? SOUND : scene;
    const { error, facts } = await readHostile({ carrier, login: "none", question: "codes", sceneOf, pace: PACE });
    assert.match(error?.message ?? "no error", words);
    assert.deepEqual(facts, []);
  }
});

Deno.test("Client: 300 sessions by chance with such a meter", async () => {
  const { taken } = await fuzzDlmsSessions({ count: 300, seed: 20260115 });
  assert(taken > 30, `only ${taken} sessions brought anything home: that tells nothing`);
});

/** A meter of this kind behind a socket, for one connection. */
function serve(carrier: Carrier, sceneOf: (n: number) => Scene): AsyncDisposable & { readonly port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answering = dlmsMeter(dlmsEnds("none")[1], carrier, sceneOf);
  const serving = (async () => {
    using connection = await listener.accept();
    for await (const bytes of connection.readable) {
      for (const reply of answering(bytes)) {
        for (let rest = reply.bytes; rest.length > 0;) {
          rest = rest.subarray(await connection.write(rest));
        }
      }
    }
  })().catch(() => {}); // the client hangs up in the middle of what it is told
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      await serving;
      listener.close();
    },
  };
}

Deno.test("Client: over a real socket, what has no end is ended by bounds and not by time", async () => {
  const quick = ["an octet string longer than the message", "a thousand structures, one in the other", "nothing"];
  const endless = ["a general block transfer without end", "a general block transfer of nothing", "empty blocks"];
  const { signal } = new AbortController();
  for (const [carrier, names] of [["hdlc", quick], ["wrapper", [...quick, ...endless]]] as const) {
    for (const name of names) {
      await using meter = serve(carrier, (n) => n < 2 ? SOUND : { message: MESSAGES[name]! });
      await using transport = await openTransport(parseEndpoint(`tcp://127.0.0.1:${meter.port}`), { signal });
      const facts: string[] = [];
      const dialogue = askHostile(carrier, dlmsEnds("none")[0], "codes", facts);
      await assert.rejects(converse(transport, dialogue, { signal }), (error) => {
        assert.ok(
          error instanceof ProtocolError || error instanceof RefusalError || error instanceof SilenceError,
          `${error}`,
        );
        return true;
      }, name);
    }
  }
});
