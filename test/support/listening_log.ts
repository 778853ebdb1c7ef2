/** A log that a test reads afterwards. @module */
import type { Log } from "../../src/log.ts";

/** What was said: `error flat-1: no reading: …`. */
export function listeningLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return { lines, debug: () => {}, info: at("info"), warning: at("warning"), error: at("error") };
}
