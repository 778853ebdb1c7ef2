/** An HTTP server that answers wrongly in all ways, with a real one behind it. */

/** What goes wrong in a case. */
export interface Fault {
  readonly status: number;
  readonly body: string;
  /** The server has something against bad readings (`address=bad-…`), each time they come; else it is three times out of order. */
  readonly lasting: boolean;
  /** Whatever comes is bad. */
  readonly always?: boolean;
}

/** Where what is good arrives: a real server, or whoever takes the lines. */
export interface Upstream {
  readonly url?: string;
  take?(lines: readonly string[]): void;
  /** What has arrived: measurement → addresses. */
  arrived(): Promise<Map<string, Iterable<string>>>;
}

const OUT_OF_ORDER = 3;

/** Starts the server: the first part of a request's path names its case. */
export function faultyServer(version: 1 | 2 | 3, cases: ReadonlyMap<string, Fault>, upstream: Upstream) {
  const counts = new Map<string, number>();
  let [mending, mended, most] = [false, false, 0];
  const forward = async (url: URL, lines: readonly string[]) => {
    if (lines.length === 0) return new Response(null, { status: 204 });
    if (upstream.url === undefined) {
      upstream.take!(lines);
      return new Response(null, { status: 204 });
    }
    const path = "/" + url.pathname.split("/").slice(2).join("/");
    const answer = await fetch(upstream.url + path + url.search, { method: "POST", body: lines.join("\n") });
    return new Response(answer.status === 204 ? null : await answer.text(), { status: answer.status });
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    const name = url.pathname.split("/")[1]!;
    const fault = cases.get(name)!;
    const lines = (await request.text()).split("\n");
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    most = Math.max(most, lines.length);
    mended ||= mending && lines.length === most;
    const taken = fault.status === 200 || fault.status === 201; // such an answer without a word means what it says
    if (mended || taken && fault.body === "") {
      const answer = await forward(url, lines);
      return taken && answer.status === 204 ? new Response(null, { status: fault.status }) : answer;
    }
    if (!fault.lasting) return count <= OUT_OF_ORDER ? answer(fault, []) : forward(url, lines);
    const bad = lines.flatMap((line, at) => fault.always || line.includes("address=bad-") ? [at] : []);
    if (bad.length === 0) return forward(url, lines);
    // Only InfluxDB 1 writes the good ones all the same; 413 comes before anything is read.
    if (version === 1 && fault.status !== 413) await forward(url, lines.filter((_, at) => !bad.includes(at)));
    return answer(fault, bad);
  });
  return {
    url: `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`,
    /** How often a case that is not about readings answers wrongly. */
    faults: OUT_OF_ORDER,
    requests: (name: string) => counts.get(name) ?? 0,
    /** From the next request on that is not part of a search for bad readings, all is well. */
    mend: () => mending = true,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function answer({ status, body }: Fault, bad: readonly number[]): Response {
  const location = status > 300 && status < 400 ? { location: "/elsewhere" } : undefined;
  const wait = status === 429 || status === 503 ? { "retry-after": "120" } : undefined;
  const named = { error: "partial write", data: bad.map((at) => ({ line_number: at + 1, error_message: "bad" })) };
  return new Response(body === "named" ? JSON.stringify(named) : body, { status, headers: { ...location, ...wait } });
}
