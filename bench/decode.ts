/**
 * How fast a captured readout becomes readings, beside `smartmeter-obis` from npm: both are separate processes on the same
 * core, in turn, with the same bytes.
 * @module
 */
import { projectPath, startChild, temporaryFolder } from "./child.ts";
import { type Measure, median } from "./table.ts";
import { READINGS, SETS, telegram } from "./telegram.ts";

/** Each beside its peer's, for the machine is another one a minute later. */
const ROUNDS = 9;

/** The measure `decode`. */
export const decode: Measure = {
  name: "decode",
  summary: "telegrams per second on one core, beside smartmeter-obis (a minute)",
  async run() {
    await using folder = await temporaryFolder();
    const file = `${folder.path}/telegram.txt`;
    await Deno.writeFile(file, telegram());
    await npmInstall(folder.path, "smartmeter-obis@4.0.0");
    const peerScript = `${folder.path}/peer.cjs`;
    await Deno.copyFile(projectPath("bench/decode_peer.cjs"), peerScript); // beside its node_modules
    const [ours, peers]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(
        await perSecond([Deno.execPath(), "run", "--allow-read", "--quiet", projectPath("bench/decode_loop.ts"), file]),
      );
      peers.push(await perSecond(["node", peerScript, file]));
    }
    const ratio = median(ours.map((perSecond, round) => perSecond / peers[round]!));
    const size = `${SETS} sets, ${telegram().length} bytes, ${READINGS} readings`;
    return [{
      measure: `decode and normalise (${size})`,
      result: `${round(median(ours))}/s, ${ratio.toFixed(1)} × smartmeter-obis`,
      bound: "≥ 4 ×",
      met: ratio >= 4,
      peer: `smartmeter-obis ${round(median(peers))}/s, same core, same run`,
    }];
  },
};

async function npmInstall(folder: string, what: string): Promise<void> {
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  await using npm = startChild("npm", ["install", ...quiet, what], { cwd: folder });
  await npm.done;
}

/** Runs a loop that prints one number, on the first core alone. */
async function perSecond([command, ...args]: readonly [string, ...string[]]): Promise<number> {
  let said = "";
  await using loop = startChild("taskset", ["-c", "0", command, ...args], { onStdout: (line) => said = line });
  await loop.done;
  return Number(said);
}

function round(perSecond: number): string {
  return String(Math.round(perSecond / 100) * 100);
}
