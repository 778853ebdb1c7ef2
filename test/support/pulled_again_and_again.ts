/**
 * An adapter that is pulled forty times while nobody talks: found gone each time, closed, found again by its name. Fails when
 * anything stays open. Its argument is a folder.
 * @module
 */
import assert from "node:assert/strict";
import { parseEndpoint } from "../../src/transport/endpoint.ts";
import { Wire } from "../../src/wire.ts";
import { hastyClock } from "./hasty_clock.ts";
import { openPty, type Pty } from "./pty.ts";

const { signal: never } = new AbortController();
const HOUR = 3_600_000;
const link = `${Deno.args[0]}/usb-FTDI_METER1-port0`; // a lasting name, as /dev/serial/by-id has it

function plugIn(): Pty {
  const pty = openPty();
  Deno.symlinkSync(pty.path, link);
  return pty;
}

async function pull(pty: Pty): Promise<void> {
  Deno.removeSync(link);
  await pty[Symbol.asyncDispose]();
}

/** Open files of terminals: Deno opens others when it likes. */
function openTerminals(): number {
  return [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => /^\/dev\/(pt|tty)/.test(target(name))).length;
}

function target(name: string): string {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${name}`);
  } catch {
    return ""; // the one by which the folder was read
  }
}

const said: string[] = [];
const wire = new Wire(parseEndpoint(`serial://${link}`), {
  clock: hastyClock,
  onNotice: () => {},
  onAway: (reason) => said.push(`away: ${reason}`),
  onBack: () => said.push("back"),
});

/** Plugs it in and waits until the line is open: an hour of this clock is longer than any test. */
async function come(): Promise<Pty> {
  const pty = plugIn();
  while (wire.state.state !== "open") await wire.rest(HOUR, never);
  wire.proved(); // a meter has been read
  return pty;
}

let before = 0;
for (let round = 0; round < 40; round++) {
  const pty = await come();
  if (round === 1) before = openTerminals();
  await pty.write(new TextEncoder().encode("noise that no one waits for"));
  const resting = wire.rest(HOUR, AbortSignal.timeout(15_000));
  await pull(pty);
  await resting;
  const { state, away, trouble, losses } = wire.state;
  assert.deepEqual([state, losses], ["away", round + 1]);
  assert.match(trouble!.reason, /^\/.*METER1-port0 is gone: its other end was closed$/);
  assert(away!.nextMs >= away!.sinceMs && away!.nextMs - away!.sinceMs < 6_000, JSON.stringify(away));
}
const pty = await come();
assert.equal(openTerminals(), before, "as many as with the second one");
assert.equal(said.at(-1), "back");
await wire.close();
await pull(pty);
