/** The arrows between the rooms go one way, and the pure rooms know neither the world nor the time. @module */
import assert from "node:assert/strict";

const ROOT = new URL("../", import.meta.url);

/** What each room may import, by the beginning of the path. Its own room is always allowed. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "src/line.ts": [],
  "src/errors.ts": [],
  "src/clock.ts": [],
  "src/telegram.ts": [],
  "src/reading.ts": [],
  "src/dialogue.ts": ["src/line.ts", "src/errors.ts"],
  "src/iec62056/": ["src/dialogue.ts", "src/line.ts", "src/telegram.ts", "src/errors.ts"],
  "src/obis/": [],
  "src/normalise.ts": ["src/telegram.ts", "src/obis/", "src/reading.ts", "src/errors.ts"],
  "src/format.ts": ["src/reading.ts"],
  "src/libc.ts": ["src/errors.ts"],
  "src/nearest.ts": [],
  "src/units.ts": [],
  "src/transport/": ["src/libc.ts", "src/line.ts", "src/errors.ts", "src/clock.ts", "src/nearest.ts", "src/units.ts"],
  "src/session.ts": ["src/dialogue.ts", "src/transport/", "src/line.ts", "src/errors.ts", "src/clock.ts"],
  "src/sink.ts": ["src/reading.ts", "src/errors.ts", "src/format.ts", "src/secret.ts"],
  "sinks/": ["src/sink.ts"],
};

/** Rooms that are pure: bytes in, values out. */
const PURE = /^src\/(iec62056|dlms|obis)\/|^src\/(line|errors|telegram|reading|dialogue|normalise|format)\.ts$/;

/** What the world and the time look like from inside a program. */
const WORLD = /\bDeno\b|\basync\b|\bawait\b|\bDate\.now\b|\bperformance\b|\bsetTimeout\b|\bfetch\(|new Date\(\)/;

async function* sources(folder: URL): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(folder)) {
    const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), folder);
    if (entry.isDirectory) yield* sources(url);
    else if (entry.name.endsWith(".ts")) yield url.href.slice(ROOT.href.length);
  }
}

async function allSources(): Promise<string[]> {
  return [
    ...await Array.fromAsync(sources(new URL("src/", ROOT))),
    ...await Array.fromAsync(sources(new URL("sinks/", ROOT))),
  ];
}

/** The text of a file without its comments, which may speak of the world. */
async function code(path: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(path, ROOT));
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|[\s;{},])\/\/ .*$/gm, "$1");
}

const startsWithOneOf = (path: string, rooms: readonly string[]) =>
  rooms.some((room) => path === room || room.endsWith("/") && path.startsWith(room));

Deno.test("layers: imports go one way", async () => {
  const wrong: string[] = [];
  for (const path of await allSources()) {
    const room = Object.keys(MAY_IMPORT).find((room) => startsWithOneOf(path, [room]));
    if (room === undefined) continue;
    for (const [, specifier] of (await code(path)).matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      const target = new URL(specifier!, new URL(path, ROOT)).href.slice(ROOT.href.length);
      if (!startsWithOneOf(target, [room, ...MAY_IMPORT[room]!])) wrong.push(`${path} → ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("layers: pure rooms know neither the world nor the time", async () => {
  const wrong: string[] = [];
  for (const path of (await allSources()).filter((path) => PURE.test(path))) {
    const found = (await code(path)).match(WORLD);
    if (found) wrong.push(`${path}: ${found[0]}`);
  }
  assert.deepEqual(wrong, []);
});

Deno.test("layers: only libc.ts opens a library", async () => {
  const openers: string[] = [];
  for (const path of await allSources()) if ((await code(path)).includes("Deno.dlopen")) openers.push(path);
  assert.deepEqual(openers.filter((path) => path !== "src/libc.ts"), []);
});
