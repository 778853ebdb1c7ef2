/** What a configuration points at and does not contain: secrets and files. @module */
import { resolve } from "node:path";
import * as z from "zod";

/** What the options of a configuration are read against. */
export interface Surroundings {
  /** Directory of the configuration file: relative paths start here. */
  readonly base: string;
  /** The value of an environment variable. */
  environment(name: string): string | undefined;
  /** Told of everything that a secret is read from, for the permissions. */
  onUse?(use: { readonly kind: "env" | "file"; readonly name: string }): void;
  /** Told of a secret that is not there now; without it, such a secret is a fault. */
  onMissing?(message: string): void;
}

/** Where systemd puts the credentials of obisd.service (systemd.exec(5)). */
const SERVICE_CREDENTIALS = "/run/credentials/obisd.service";

let surroundings: Surroundings = { base: ".", environment: (name) => Deno.env.get(name) };

/** Reads options (a schema's `safeParse`, which is synchronous) as they are meant in a configuration of these surroundings. */
export function inSurroundings<T>(its: Surroundings, parse: () => T): T {
  const before = surroundings;
  surroundings = its;
  try {
    return parse();
  } finally {
    surroundings = before;
  }
}

const name = z.string().regex(/^[^\s/\\]+$/, "a name without blanks and slashes");

const sources = z.union([
  z.strictObject({ env: name.describe("Name of an environment variable.") }),
  z.strictObject({ file: z.string().min(1).describe("A file that holds the secret and nothing else.") }),
  z.strictObject({ credential: name.describe("Name of a systemd credential (LoadCredential=).") }),
], {
  error: "a secret does not stand in the configuration: write { credential: NAME }, { file: PATH } or { env: NAME }",
});

/** Where a secret comes from, as the configuration says it. */
export type SecretSource = z.output<typeof sources>;

/**
 * Schema of a secret in a sink's options. Its value is a function that reads the secret afresh at each call, for it may
 * be renewed while the daemon runs; the secret itself is never kept, printed or part of an error.
 */
export const secret: z.ZodType<() => string, SecretSource> = sources.transform((source, context) => {
  const its = surroundings;
  const read = Object.assign(reader(source, its), { toJSON: () => source }); // what it is compared and shown by
  try {
    read();
  } catch (error) {
    const { message } = error as Error;
    if (its.onMissing) its.onMissing(message);
    else context.addIssue({ code: "custom", message });
  }
  return read;
});

/** Schema of a file's path in a sink's options: relative paths start at the configuration file. Its value is absolute. */
export const filePath: z.ZodType<string, string> = z.string().min(1, "a path is needed")
  .transform((path) => resolve(surroundings.base, path));

function reader(source: SecretSource, its: Surroundings): () => string {
  if ("env" in source) {
    its.onUse?.({ kind: "env", name: source.env });
    return () => present(its.environment(source.env), `environment variable ${source.env}`);
  }
  if ("file" in source) return fileReader(resolve(its.base, source.file), `file ${source.file}`, its);
  const { credential } = source;
  const directory = its.environment("CREDENTIALS_DIRECTORY");
  if (directory !== undefined) return fileReader(resolve(directory, credential), `credential ${credential}`, its);
  its.onUse?.({ kind: "file", name: `${SERVICE_CREDENTIALS}/${credential}` });
  return () => {
    throw new Error(
      `credential ${credential} is only there under systemd: LoadCredential=${credential}:PATH in the unit`,
    );
  };
}

function fileReader(path: string, what: string, its: Surroundings): () => string {
  its.onUse?.({ kind: "file", name: path });
  return () => {
    try {
      return present(Deno.readTextFileSync(path).replace(/\r?\n$/, ""), what);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) throw new Error(`${what} does not exist`);
      if (error instanceof Deno.errors.PermissionDenied) throw new Error(`${what} may not be read by this user`);
      throw error;
    }
  };
}

function present(value: string | undefined, what: string): string {
  if (value === undefined) throw new Error(`${what} is not set`);
  if (value === "") throw new Error(`${what} is empty`);
  if (/\p{Cc}/u.test(value)) throw new Error(`${what} is more than one line of text: it must hold the secret alone`);
  return value;
}
