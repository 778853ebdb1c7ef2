/** Readings into InfluxDB 1, 2 and 3, and into what speaks like it. @module */
import * as z from "zod";
import { type Reading, secret, type Sink, SinkError, type SinkPlugin } from "../../src/sink.ts";
import { judge } from "./answer.ts";
import { Occurrences, toLine } from "./points.ts";

const VERSION_2 = ["org", "bucket", "token"] as const;
const VERSION_1 = ["database", "username", "password"] as const;

const options = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: "an address like http://127.0.0.1:8086 is needed" })
    .refine((url) => !/^https?:\/\/[^/]*@/.test(url), "username and password have options of their own")
    .describe("Where the server listens."),
  org: z.string().min(1).optional().describe("InfluxDB 2: the organisation. InfluxDB 3 ignores it: write any name."),
  bucket: z.string().min(1).optional().describe("InfluxDB 2: the bucket. InfluxDB 3: the database."),
  token: secret.optional().describe("InfluxDB 2 and 3: a token that may write there. Read afresh at each write."),
  database: z.string().min(1).optional().describe("InfluxDB 1: the database."),
  username: z.string().min(1).optional().describe("InfluxDB 1: the user, when the server asks for one."),
  password: secret.optional().describe("InfluxDB 1: the user's password. Read afresh at each write."),
  measurement: z.string().min(1).default("obis").describe("Name of the measurement."),
  gzip: z.boolean().default(true).describe("Whether what is sent is compressed."),
}).superRefine((its, context) => {
  const message = whichVersion(its);
  if (message) context.addIssue({ code: "custom", message });
});

/** What the configuration gives. */
export type InfluxOptions = z.output<typeof options>;

/** Below this, compressing costs more than it saves. */
const WORTH_GZIP_BYTES = 1024;

/** The sink `influxdb`. */
const influxdb: SinkPlugin<InfluxOptions> = {
  type: "influxdb",
  options: options as SinkPlugin<InfluxOptions>["options"],
  needs({ url }) {
    const { hostname, port, protocol } = new URL(url);
    return { net: [`${hostname}:${port || (protocol === "https:" ? 443 : 80)}`] };
  },
  open(options): Promise<Sink> {
    const occurrences = new Occurrences();
    return Promise.resolve({
      async write(readings, signal) {
        occurrences.count(readings);
        await post(options, toLines(readings, occurrences, options.measurement), signal);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
};
export default influxdb;

/** One line a reading, in their order: a server that names bad lines counts them. */
function toLines(readings: readonly Reading[], occurrences: Occurrences, measurement: string): string[] {
  return readings.map((reading) => toLine(reading, { measurement, occurrence: occurrences.of(reading) }));
}

/** @throws {SinkError} */
async function post(options: InfluxOptions, lines: readonly string[], signal: AbortSignal): Promise<void> {
  const request = await toRequest(options, lines.join("\n"));
  const answer = await send(endpoint(options), { ...request, signal });
  const error = judge({ ...answer, nowMs: Date.now() }, lines.length);
  if (error) throw error;
}

async function send(
  url: URL,
  request: RequestInit,
): Promise<{ status: number; body: string; retryAfter: string | null }> {
  try {
    const response = await fetch(url, { ...request, method: "POST", redirect: "manual" });
    return { status: response.status, body: await response.text(), retryAfter: response.headers.get("retry-after") };
  } catch (error) {
    if (error instanceof SinkError) throw error; // the reason of our own abort
    throw new SinkError(`Cannot reach ${url.origin}: ${reasonOf(error as Error)}`, { kind: "retry" }, { cause: error });
  }
}

/** Why a request failed: `fetch` itself says no more than that, and its cause repeats the whole URL. */
function reasonOf({ message, cause }: Error): string {
  const words = /^error sending request for url \(.*?\): (?:client error \(\w+\): )?(.+)/s;
  return words.exec((cause as Error | undefined)?.message ?? "")?.[1] ?? message;
}

async function toRequest(options: InfluxOptions, text: string): Promise<RequestInit> {
  const headers = new Headers({ "content-type": "text/plain; charset=utf-8" });
  const authorization = authorize(options);
  if (authorization) headers.set("authorization", authorization);
  const bytes = new TextEncoder().encode(text);
  if (!options.gzip || bytes.length < WORTH_GZIP_BYTES) return { headers, body: bytes };
  headers.set("content-encoding", "gzip");
  return { headers, body: await gzip(bytes) };
}

/** Reads the secrets anew: they may have been renewed since the last write. @throws {SinkError} */
function authorize({ token, username, password }: InfluxOptions): string | undefined {
  try {
    if (token) return `Token ${plain(token())}`;
    if (username === undefined) return undefined;
    const bytes = new TextEncoder().encode(`${username}:${password?.() ?? ""}`);
    return `Basic ${bytes.toBase64()}`;
  } catch (error) {
    throw new SinkError((error as Error).message, { kind: "retry", blocked: "auth" }, { cause: error });
  }
}

/** What a header can carry; what it cannot would stand in the error that it throws. */
function plain(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new Error("token has blanks or letters that no token has: look at where it is read from");
}

function endpoint({ url, org, bucket, database }: InfluxOptions): URL {
  const target = new URL(url);
  target.pathname = target.pathname.replace(/\/*$/, database === undefined ? "/api/v2/write" : "/write");
  if (database !== undefined) target.searchParams.set("db", database);
  else {
    target.searchParams.set("org", org!);
    target.searchParams.set("bucket", bucket!);
  }
  target.searchParams.set("precision", "ms");
  return target;
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** What is wrong with the choice of version, if anything. */
function whichVersion(its: Readonly<Record<string, unknown>>): string | undefined {
  const given = (names: readonly string[]) => names.filter((name) => its[name] !== undefined);
  const [two, one] = [given(VERSION_2), given(VERSION_1)];
  const choose = "InfluxDB 2 and 3 need org, bucket and token; InfluxDB 1 needs database (and username, password)";
  if (two.length > 0 && one.length > 0) return `${two[0]} and ${one[0]} exclude each other: ${choose}`;
  if (two.length === 0 && one.length === 0) return choose;
  if (two.length > 0 && two.length < VERSION_2.length) {
    return `${VERSION_2.filter((name) => !two.includes(name)).join(" and ")} missing: ${choose}`;
  }
  if (one.length > 0 && !one.includes("database")) return `database missing: ${choose}`;
  if (one.includes("password") && !one.includes("username")) return "password without username";
  return undefined;
}
