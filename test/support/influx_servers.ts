/** Real servers for the tests of the InfluxDB sink, on free ports, in folders that go with them. */

/** Whether a test that needs `program` must be passed over: it is missing, and nobody insists. */
export function isMissing(program: string): boolean {
  if (Deno.env.get("OBISD_TEST_ALL") === "1") return false;
  return !(Deno.env.get("PATH") ?? "").split(":").some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

/** A running server. */
export interface Server extends AsyncDisposable {
  readonly url: string;
}

/** Debian's InfluxDB 1. */
export async function startInfluxd(): Promise<Server> {
  const folder = await Deno.makeTempDir();
  const [port, backup] = [freePort(), freePort()];
  const config = `reporting-disabled = true
bind-address = "127.0.0.1:${backup}"
[meta]
  dir = "${folder}/meta"
[data]
  dir = "${folder}/data"
  wal-dir = "${folder}/wal"
[monitor]
  store-enabled = false
[ifql]
  enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
`;
  await Deno.writeTextFile(`${folder}/influxdb.conf`, config);
  return start("influxd", ["-config", `${folder}/influxdb.conf`], { folder, port, ready: "/ping" });
}

/** Debian's VictoriaMetrics, which speaks the API of InfluxDB 2 and keeps numbers only. */
export async function startVictoria(): Promise<Server> {
  const folder = await Deno.makeTempDir();
  const port = freePort();
  const args = [`-storageDataPath=${folder}`, `-httpListenAddr=127.0.0.1:${port}`, "-retentionPeriod=100y"];
  return start("victoria-metrics", args, { folder, port, ready: "/health" });
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function start(
  program: string,
  args: readonly string[],
  { folder, port, ready }: { folder: string; port: number; ready: string },
): Promise<Server> {
  const child = new Deno.Command(program, { args: [...args], stdout: "null", stderr: "null" }).spawn();
  const url = `http://127.0.0.1:${port}`;
  const server = {
    url,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(folder, { recursive: true });
    },
  };
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(url + ready).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return server;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await server[Symbol.asyncDispose]();
  throw new Error(`${program} did not answer within 10 s`);
}
