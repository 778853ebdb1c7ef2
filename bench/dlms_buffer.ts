/** Reads a profile of about 1 MB from the meter at this endpoint and says the memory before it, and the most, MB. @module */
import { ValueReader } from "../src/dlms/mod.ts";
import { modeE } from "../src/mode_e.ts";
import { print } from "../src/print.ts";
import { converse } from "../src/session.ts";
import { openTransport, parseEndpoint, signOnLine } from "../src/transport/mod.ts";
import { residentMb } from "./usage.ts";

const endpoint = parseEndpoint(Deno.args[0] ?? "");
const { signal } = new AbortController();
await using transport = await openTransport(endpoint, { signal });
const options = {
  ...{ opening: "wrapper", line: signOnLine(endpoint), server: { upper: 1 }, frameOctets: 1024 } as const,
  association: { client: 16, credentials: { mechanism: "none" } } as const,
};
let idle = 0;
const count = await converse(
  transport,
  modeE(options, function* (client) {
    const reader = new ValueReader(client);
    yield* reader.read({ classId: 3, name: "1-0:1.8.0*255", id: 2 });
    idle = memory();
    let count = 0;
    yield* reader.profile("1-0:99.1.0*255", { kind: "all" }, () => count++);
    return count;
  }),
  { signal },
);
const { peak } = await residentMb(Deno.pid);
print(JSON.stringify({ idle, peak, count }));

function memory(): number {
  const [, kB] = /^VmRSS:\s*(\d+) kB/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
  return Number(kB) * 1024 / 1e6;
}
