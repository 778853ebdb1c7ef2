/** `obisd permissions`: the Deno flags that a configuration needs. @module */
import { DEFAULT_CONFIG_PATH, loadConfig } from "../config.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import { formatFlags, needsOf } from "../permissions.ts";
import { print } from "../print.ts";
import type { Command } from "./command.ts";

/** Prints the flags. */
export const permissions: Command = {
  summary: "print the Deno flags that a configuration needs",
  help: `obisd permissions [-c FILE]

Prints the least that Deno must allow so that "obisd run" works with this configuration, one flag a line.
The service's flags are kept by "obisd check --write-permissions".

  deno run --no-prompt $(obisd permissions -c obisd.yaml) src/main.ts run -c obisd.yaml`,
  options: {},

  async run({ values, positionals }) {
    if (positionals.length > 0) {
      throw new UsageError("permissions takes no argument; the configuration is named by -c FILE");
    }
    const path = values.config as string | undefined ?? DEFAULT_CONFIG_PATH;
    const config = await loadConfig(path, { missingSecrets: "warning" });
    print(formatFlags(needsOf(config)).join("\n"));
    return EXIT.ok;
  },
};
