/** `obisd discover`: which ports are there, who answers on them, and a configuration made of it. @module */
import { type About, about, describeAbout } from "../discovery/about.ts";
import { writeConfiguration } from "../discovery/configuration.ts";
import { describePorts, serialPortsOf } from "../discovery/ports.ts";
import { describeDlms, type FoundDlms } from "../discovery/dlms_meter.ts";
import { SilenceError, UsageError } from "../errors.ts";
import { EXIT, exitCodeOf } from "../exit_code.ts";
import { type Endpoint, parseEndpoint } from "../transport/endpoint.ts";
import { steadyPath } from "../transport/holder.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { Search } from "./discover_search.ts";
import { present } from "./present.ts";
import { RECORD_HELP } from "./recorder.ts";
import { parseUsage, useOwnMeterTypes } from "./target.ts";

const ADVICE = `Nobody answered. What helps:
  - an optical head sits right: its cable hangs down, the magnet holds, the meter's lamp or button is beside it
  - some meters want a button pressed first; battery meters sleep, and answer at the second or third try
  - several meters on one line answer only to their numbers: --address 12345678; DLMS meters: --physical 1-127
  - RS-485: swap A and B; current loop: the other polarity, and its supply
  - a converter on the network has its own speed and format: 300 7E1, or 8N1, in its settings
  - a meter that speaks seldom: obisd listen ENDPOINT --for 10m`;

/** Finds meters. */
export const discover: Command = {
  summary: "find meters: ports, speed, mode, all codes; write the configuration",
  help: `obisd discover [ENDPOINT…] [OPTIONS]

Without an ENDPOINT, lists the serial ports of this machine and sends nothing. With one or more, finds out who is there:
asks at 300 Bd as the standard has it and in the other ways that makers use, listens for meters that speak by
themselves, reads what answers once, and says how it is read and every code exactly as the meter writes it. A meter of
mode C is asked for its load profile, a DLMS meter for all that the public client may see; no password is sent.
It takes a minute or two where nobody answers; Ctrl-C signs the meter off and ends it.

  --address LIST       numbers of meters that share the line: 12345678,12345679
  --physical LIST      numbers of DLMS meters that share an HDLC line (RS-485), asked first, half a second each:
                       17,100-115; without it 16 to 31 are tried where HDLC is
  --write FILE         makes a configuration of what was found, or adds to the one that is there: nothing in it changes
  --meters DIR         files about further types of meters; default meters/ beside the configuration
  --json               what was found, for programs
  --trace              shows the dialogue, control characters made visible
${RECORD_HELP}

  obisd discover
  obisd discover /tmp/meter                    # of obisd simulate demo/household.txt --pty /tmp/meter &
  obisd discover /dev/serial/by-id/usb-FTDI_head-if00-port0 --write obisd.yaml
  obisd discover tcp://192.168.1.20:8000 rfc2217://192.168.1.21:2217
  obisd discover '/dev/ttyUSB1?baud=9600' --physical 17,100-115 --write obisd.yaml`,
  options: {
    address: { type: "string" },
    physical: { type: "string" },
    meters: { type: "string" },
    write: { type: "string" },
    json: { type: "boolean" },
    trace: { type: "boolean" },
    record: { type: "string" },
  },

  async run(args, context) {
    const { positionals, values } = args;
    if (positionals.length === 0) return listPorts(args, context);
    const endpoints = positionals.map((text) => parseUsage(() => withSteadyName(parseEndpoint(text))));
    await useOwnMeterTypes(values);
    const search = new Search(args, context);
    for (const [at, endpoint] of endpoints.entries()) await search.at(endpoint, optionsOf(positionals[at]!));
    const found = search.found.map(about);
    const isNothing = found.length === 0 && search.dlms.length === 0;
    if (values.json === true) context.print(JSON.stringify([...found, ...search.dlms], undefined, 2));
    else for (const meter of found) show(meter, context);
    if (values.json !== true) { for (const meter of search.dlms) context.print(`\n${describeDlms(meter)}`); }
    const meters = [...found, ...search.dlms];
    if (values.write !== undefined) await write(String(values.write), meters, context);
    else if (meters.length > 0 && values.json !== true) {
      context.print("\nA configuration of it: add --write obisd.yaml");
    }
    if (isNothing) throw search.error ?? new SilenceError(ADVICE);
    return search.error === undefined ? EXIT.ok : exitCodeOf(search.error);
  },
};

function listPorts({ values }: Arguments, { print }: Context): number {
  if ([values.write, values.address, values.physical].some((value) => value !== undefined)) {
    throw new UsageError("Where? obisd discover lists the ports; name one or more of them, or tcp://host:port");
  }
  const ports = serialPortsOf();
  print(values.json === true ? JSON.stringify(ports, undefined, 2) : describePorts(ports));
  return EXIT.ok;
}

/** The meter, and all that it says, as it writes it. */
function show(meter: About, { print }: Context): void {
  print(["", ...describeAbout(meter), ""].join("\n"));
  if (meter.readings.length === 0) return;
  print(present(meter.readings, "table"));
}

async function write(path: string, found: readonly (About | FoundDlms)[], { print, log }: Context): Promise<void> {
  if (found.length === 0) return;
  const { path: file, isNew, added, known } = await writeConfiguration(path, found);
  for (const name of known) log.info(`${file} has it already: ${name}`);
  if (added.length === 0) return;
  const what = `${isNew ? "Written" : "Added to"} ${file}: ${added.join(", ")}`;
  print(`\n${what}\nobisd check -c ${path} says what will happen, obisd run -c ${path} does it`);
}

/** A port that may be another one after the next start is called by its lasting name. */
function withSteadyName(endpoint: Endpoint): Endpoint {
  if (endpoint.kind !== "serial") return endpoint;
  const steady = /^\/dev\/tty(USB|ACM)\d+$/.test(endpoint.path) ? steadyPath(endpoint.path) : undefined;
  return { ...endpoint, path: steady ?? endpoint.path };
}

/** What was written behind the endpoint. */
function optionsOf(text: string): Record<string, string> {
  const at = text.indexOf("?");
  return at < 0 ? {} : Object.fromEntries(new URLSearchParams(text.slice(at + 1)));
}
