/** `obisd objects`: what a DLMS meter says that it has: as a table, for programs, or as a configuration that is ready. @module */
import { aligned } from "../format.ts";
import { accessTo, attributeName, className, type DescribedObject, describeObjects } from "../dlms/mod.ts";
import { UsageError } from "../errors.ts";
import { EXIT } from "../exit_code.ts";
import type { Command } from "./command.ts";
import { DLMS_HELP, DLMS_OPTIONS } from "./dlms.ts";
import { openDlms } from "./dlms_session.ts";
import { configurationOf, quantityName } from "./objects_yaml.ts";
import { parseTarget, TARGET_OPTIONS } from "./target.ts";
import { RECORD_HELP } from "./recorder.ts";

const SHOWN = ["table", "json", "yaml"] as const;
/** A description of hundreds of objects at 9600 Bd. */
const TIMEOUT_MS = 15 * 60_000;
/** A value in a table. */
const WIDEST = 40;

/** Prints the objects of a meter. */
export const objects: Command = {
  summary: "print what a DLMS meter (mode E) describes: its objects, rights and values",
  help: `obisd objects ENDPOINT|METER [OPTIONS]

Asks a DLMS meter (mode E) for the list of its objects and reads what they hold: class, OBIS code, what this client may
do with the value (r, w), the value with its unit, and its name. A client sees what it has a right to: the public one,
16, sees little.

  --format FORMAT      table (default), json (one object a line, with all attributes), or yaml: a configuration for
                       obisd run that reads each quarter hour all that has a value
  --no-values          asks for the list alone: minutes less at 9600 Bd
  --name NAME          the meter's name in the configuration (default: meter-1)
  --address NUMBER     the meter's address in the sign-on, where several share a line
  --trace              shows the dialogue, passwords not
  --timeout TIME       gives up after it (default 15m)
${RECORD_HELP}

${DLMS_HELP}

  obisd simulate demo/household.txt --mode E --pty /tmp/meter &
  obisd objects /tmp/meter --client 1
  obisd objects /dev/serial/by-id/usb-… --client 1 --password ask
  obisd objects tcp://192.168.1.20:4059 --opening wrapper --format yaml > obisd.yaml`,
  options: {
    ...TARGET_OPTIONS,
    ...DLMS_OPTIONS,
    format: { type: "string" },
    "no-values": { type: "boolean" },
  },

  async run(args, context) {
    const { positionals: [what, ...more], values } = args;
    if (what === undefined || more.length > 0) throw new UsageError("objects takes one ENDPOINT or METER");
    const format = SHOWN.find((format) => format === (values.format ?? "table"));
    if (!format) throw new UsageError(`--format ${values.format}: allowed are ${SHOWN.join(", ")}`);
    if (values.mode !== undefined && values.mode !== "E") throw new UsageError("objects are of mode E alone");
    const reads = values["no-values"] !== true;
    if (format === "yaml" && !reads) throw new UsageError("--format yaml takes what has a value: no --no-values");
    const target = await parseTarget(what, args);
    const meter = await openDlms({ ...target, mode: "E" }, args, context, TIMEOUT_MS);
    const described = await meter.session(({ client, note }) =>
      describeObjects(client, { values: reads, onProgress: (done, all) => note(`object ${done + 1} of ${all}`) })
    );
    if (format === "yaml") context.print(configurationOf(described, target, args, context.clock.now()));
    else if (format === "json") { for (const object of described) context.print(JSON.stringify(toJson(object))); }
    else context.print(table(described));
    const refused = described.filter((object) => object.refused !== undefined);
    if (refused.length > 0) {
      context.log.warning(
        `${refused.length} objects cannot be read, ${refused[0]!.name} first: ${refused[0]!.refused}`,
      );
    }
    return EXIT.ok;
  },
};

/** `rw`: what may be done with the value; `?` where the list does not say. */
function rights({ attributes }: DescribedObject, id: number): string {
  const access = accessTo(attributes, id);
  if (!access) return "?";
  return `${access.read ? "r" : ""}${access.write ? "w" : ""}` || "-";
}

function toJson(object: DescribedObject) {
  const { classId, version, name, attributes, methods, value, refused } = object;
  return {
    class: classId,
    class_name: className(classId),
    version,
    obis: name,
    name: quantityName(name),
    attributes: attributes.map(({ id }) => ({ id, name: attributeName(classId, id), access: rights(object, id) })),
    methods: methods.map(({ id, allowed }) => ({ id, allowed })),
    ...value && { text: value.text, unit: value.unit },
    ...refused !== undefined && { refused },
  };
}

function table(described: readonly DescribedObject[]): string {
  const rows = described.map((object) => {
    const { classId, name, value, refused } = object;
    const text = refused === undefined ? value?.text ?? "" : `(${refused})`;
    const short = text.length > WIDEST ? `${text.slice(0, WIDEST - 1)}…` : text;
    return [className(classId), name, rights(object, 2), short, value?.unit ?? "", quantityName(name)];
  });
  const all = [["class", "obis", "", "value", "unit", "name"], ...rows];
  return aligned(all).join("\n");
}
