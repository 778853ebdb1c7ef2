/**
 * `deno task demo`: three meters that stand in for real ones, one on a pseudo-terminal and two on TCP, the daemon that
 * reads them, readings on the screen and in files, registers behind a password, and the hour before its start out of a
 * meter's own load profile. Each part is the real program, started as anyone would.
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Two readouts of the electricity meter, and its profile behind each of them. */
const SECONDS = 40;
/** Of the simulated meter: no secret. */
const PASSWORD = "12345678";
const HERE = fileURLToPath(new URL(".", import.meta.url));
const OUT = join(HERE, "out");
const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

/** Tells the person at the screen, if there is one: `deno task demo | head` has had enough after a few lines. */
function say(text: string): void {
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Starts `obisd` with these arguments; it ends with this process. */
function obisd(args: readonly string[], stdout: "inherit" | "piped"): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), { args: ["run", "--allow-all", "--quiet", MAIN, ...args], stdout }).spawn();
}

/** A simulated meter, and where it is to be found. */
async function simulate(...args: readonly string[]): Promise<{ process: Deno.ChildProcess; endpoint: string }> {
  const process = obisd(["simulate", ...args, "--live"], "piped");
  for await (const chunk of process.stdout) {
    const endpoint = new TextDecoder().decode(chunk).match(/Listening on (\S+)/)?.[1];
    if (endpoint) return { process, endpoint };
  }
  throw new Error(`obisd simulate ${args.join(" ")} did not start`);
}

function configuration(household: string, locked: string, heat: string): string {
  return `# Written by deno task demo. Every option is explained in config/obisd.yaml.
lines:
  meter-room: { url: "${household}" }
  cellar: { url: "${locked}" }
  boiler: { url: "${heat}" }
meters:
  - name: flat-1
    line: meter-room
    every: 10s
    expect: { "0.0.0": "00471101" }
    obis: ["1.8.0", "2.8.0", "1.7.0", "32.7.0"]
    labels: { site: demo }
    backfill: { profile: P.01, from: start, max_age: 1h } # nobody read it in the hour before
  - name: flat-2
    line: cellar
    every: 15s
    registers: ["1.8.0", "2.8.0"] # these alone, in seconds at 300 Bd too
    password: { file: password } # as a service: { credential: NAME }
    expect: { "0.0.0": "00471101" } # no other meter is told the password
  - { name: heating, line: boiler, every: 5s, obis: ["6.8", "6.26", "6.29", "6.28", "6.4"] }
sinks:
  - { type: stdout }
  - { type: csv, path: readings-%Y-%m-%d.csv }
journal: { path: journal.db, group_commit: 0s }
`;
}

async function demo(): Promise<void> {
  await Deno.remove(OUT, { recursive: true }).catch(() => {});
  await Deno.mkdir(OUT);
  const household = await simulate(join(HERE, "household.txt"), "--profile", "--pty", join(OUT, "meter"));
  const secret = ["--password", PASSWORD, "--protect", "reading"]; // nobody reads its registers without
  const locked = await simulate(join(HERE, "household.txt"), ...secret, "--listen", "tcp://127.0.0.1:0");
  const heat = await simulate(join(HERE, "heat.txt"), "--listen", "tcp://127.0.0.1:0");
  const config = join(OUT, "obisd.yaml");
  await Deno.writeTextFile(config, configuration(household.endpoint, locked.endpoint, heat.endpoint));
  await Deno.writeTextFile(join(OUT, "password"), PASSWORD, { mode: 0o600 });
  say(`An electricity meter on the pseudo-terminal ${household.endpoint} (300 → 9600 Bd, mode C)`);
  say(`Another one, which shows its registers to who has the password, on ${locked.endpoint}`);
  say(`A heat meter on ${heat.endpoint} (300 → 2400 Bd, mode B)`);
  say(
    "Nobody read them in the hour before: its quarter hours come from the load profile of the electricity meter,\nflagged backfilled.",
  );
  say(`\nobisd run -c ${config}\nCtrl-C ends it, else it ends by itself after ${SECONDS} s.\n`);
  const daemon = obisd(["run", "-c", config], "inherit");
  const stop = () => daemon.kill("SIGTERM");
  const timer = setTimeout(stop, SECONDS * 1000);
  Deno.addSignalListener("SIGINT", () => {}); // the daemon hears it too and ends
  const { code } = await daemon.status;
  clearTimeout(timer);
  const meters = [household, locked, heat];
  for (const { process } of meters) end(process);
  await Promise.all(meters.map(({ process }) => process.status));
  say(`\nThe same readings are in ${OUT}:`);
  for await (const { name } of Deno.readDir(OUT)) if (name.endsWith(".csv")) say(`  ${name}`);
  say("Next: npx -y deno task -q obisd read --help, and the README.");
  Deno.exit(code);
}

function end(process: Deno.ChildProcess): void {
  try {
    process.kill("SIGTERM");
  } catch {
    // Ctrl-C has ended it already
  }
}

await demo();
