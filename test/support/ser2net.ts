/** Debian's ser2net in front of a serial port, by RFC 2217. @module */

/** The server, until it is disposed of. */
export interface Ser2net extends AsyncDisposable {
  /** `rfc2217://127.0.0.1:40001`; it takes a moment until somebody answers there. */
  readonly endpoint: string;
}

/** Offers a port; its configuration is in `folder`. */
export function ser2net(port: string, settings: string, folder: string): Ser2net {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const number = (listener.addr as Deno.NetAddr).port;
  listener.close();
  const file = `${folder}/ser2net.yaml`;
  Deno.writeTextFileSync(
    file,
    `connection: &a\n  accepter: telnet(rfc2217),tcp,127.0.0.1,${number}\n  connector: serialdev,${port},${settings},local\n`,
  );
  const child = new Deno.Command("ser2net", {
    args: ["-d", "-c", file, "-P", `${folder}/pid`],
    stdout: "null",
    stderr: "null",
  })
    .spawn();
  return {
    endpoint: `rfc2217://127.0.0.1:${number}`,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}
