/** `obisd status`: how the daemon is doing. @module */
import { askDaemon } from "../control.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { toOpenMetrics } from "../openmetrics.ts";
import type { Status } from "../status.ts";
import type { Command } from "./command.ts";
import { controlSocket } from "./daemon_socket.ts";
import { formatStatus } from "./status_table.ts";

const FORMATS = ["table", "json", "openmetrics"] as const;

/** Asks the running daemon. */
export const status: Command = {
  summary: "show how the running daemon is doing",
  help: `obisd status [-c FILE] [--format table|json|openmetrics]

Asks the daemon that runs: whether it is degraded and why, its meters (last readout, next slot, what is wrong), lines
(since when they are away), sinks (what is pending, what is wrong) with their books, journal and clock. The same as JSON
lies in status.json in the runtime directory, ten seconds old at most.

  --format json         for programs
  --format openmetrics  for node_exporter's textfile collector

  sudo obisd status
  sudo obisd status --format openmetrics > /var/lib/prometheus/node-exporter/obisd.prom`,
  options: { format: { type: "string" } },

  async run({ values, positionals }, { print }) {
    if (positionals.length > 0) throw new UsageError("status takes no argument");
    const format = values.format ?? "table";
    if (!FORMATS.some((known) => known === format)) {
      throw new UsageError(`--format ${format}: allowed are ${FORMATS.join(", ")}`);
    }
    const socket = await controlSocket(values.config as string | undefined);
    const its = await askDaemon<Status>(socket, { ask: "status" });
    if (format === "json") print(JSON.stringify(its, undefined, 1));
    else print(format === "openmetrics" ? toOpenMetrics(its).trimEnd() : formatStatus(its, Date.now()));
    return EXIT.ok;
  },
};
