/** The daemon takes the calls of DLMS meters: ciphered pushes into files, each believed once, whoever calls. */
import assert from "node:assert/strict";
import { encodeDataNotification, encodeWrapped, integer, octetString, protect, structure } from "../src/dlms/mod.ts";
import { encodeCiphered } from "../src/dlms/ciphered_apdu.ts";
import { keys } from "./support/dlms_meter.ts";
import { temporaryFolder } from "./support/readings.ts";
import { startRun, until } from "./support/running.ts";

const TITLES = [
  Uint8Array.of(0x4f, 0x42, 0x49, 0, 0, 0, 0, 1),
  Uint8Array.of(0x4f, 0x42, 0x49, 0, 0, 0, 0, 2),
] as const;

function plain(energy: number): Uint8Array {
  const name = octetString(Uint8Array.of(1, 0, 1, 8, 0, 255));
  const unit = structure(integer("integer", 1), integer("enum", 30));
  const data = structure(structure(name, integer("double-long-unsigned", energy), unit));
  return encodeDataNotification({ invoke: 1, data });
}

const framed = (apdu: Uint8Array) => encodeWrapped({ source: 1, destination: 103, apdu });

/** A message of one of the meters. */
function pushed(title: Uint8Array, counter: number, energy: number): Uint8Array {
  const ciphered = protect(plain(energy), keys(0), { title, counter });
  return framed(encodeCiphered({ kind: "general-global", title, ciphered }, 0x0f));
}

async function call(port: number, ...messages: readonly Uint8Array[]): Promise<void> {
  using connection = await until("the port", () => Deno.connect({ port }).catch(() => undefined));
  for (const message of messages) await connection.write(message);
}

Deno.test("run: meters call in; what was heard before is refused, after a restart too; strangers and plain words are", async () => {
  using folder = temporaryFolder();
  using free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const { encryption, authentication } = keys(0);
  Deno.writeTextFileSync(`${folder.path}/ek`, encryption.toHex());
  Deno.writeTextFileSync(`${folder.path}/ak`, authentication.toHex());
  const meter = (name: string, title: Uint8Array) => ({
    ...{ name, line: "calls", mode: "E" },
    dlms: { meter_title: title.toHex(), encryption_key: { file: "ek" }, authentication_key: { file: "ak" } },
  });
  const config = `${folder.path}/obisd.yaml`;
  const write = (url: string) =>
    Deno.writeTextFileSync(
      config,
      JSON.stringify({
        lines: { calls: { url } },
        meters: [meter("one", TITLES[0]), meter("two", TITLES[1])],
        sinks: [{ type: "csv", path: "readings.csv" }],
        journal: { path: "journal.db", group_commit: "0s", unsynchronised: "flag" },
      }),
    );
  write(`tcp-listen://127.0.0.1:${port}`);
  const rows = async () => {
    const text = await Deno.readTextFile(`${folder.path}/readings.csv`).catch(() => "");
    return text.split("\r\n").slice(1).filter((line) => line !== "").map((line) => line.split(","))
      .map((row) => [1, 2, 6, 7].map((at) => row[at]).join(" "));
  };
  const first = pushed(TITLES[0], 5, 100);
  {
    await using daemon = startRun(config);
    await call(port, first, first, framed(plain(9)));
    await call(port, pushed(TITLES[1], 1, 200), pushed(Uint8Array.from(TITLES[1]).fill(9), 1, 300));
    await daemon.said(
      /one: Cannot trust a pushed message of meter 4F42490000000001: invocation counter 5 after 5: it was heard/,
    );
    await daemon.said(
      /Line calls: Cannot trust a pushed message: it comes from 0909090909090909, and no meter of this line/,
    );
    await daemon.said(/Line calls: Cannot trust a pushed message: it comes from nobody who says its name/);
    await until("both", async () => (await rows()).length === 2 || undefined);
    daemon.kill("SIGKILL");
    await daemon.ended;
  }
  await using daemon = startRun(config);
  await call(port, first, pushed(TITLES[0], 6, 101));
  await daemon.said(/one: Cannot trust .*invocation counter 5 after 5/);
  await until("one more", async () => (await rows()).length === 3 || undefined);
  daemon.kill("SIGTERM");
  assert.equal(await daemon.ended, 0);
  assert.deepEqual((await rows()).sort(), [
    "one 1-0:1.8.0*255 1000 Wh",
    "one 1-0:1.8.0*255 1010 Wh",
    "two 1-0:1.8.0*255 2000 Wh",
  ]);
  assert.ok(!/d0d1d2|00010203/i.test(daemon.stderr.join("\n")));
});
