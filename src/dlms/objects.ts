/** The objects in a meter: their classes, what each class's attributes are, and the meter's own list (Green Book, 4). @module */
import { ProtocolError } from "../errors.ts";
import { type Data, integerOf, itemsOf, octetsOf } from "./data.ts";
import { decodeLogicalName, type LogicalName } from "./logical_name.ts";

/** A class: its name, its attributes from the second on (the first is always the logical name). */
interface ClassDescription {
  readonly name: string;
  readonly attributes: readonly string[];
}

const CLASSES: Readonly<Record<number, string>> = {
  1: "data: value",
  3: "register: value scaler_unit",
  4: "extended_register: value scaler_unit status capture_time",
  5: "demand_register: current_average_value last_average_value scaler_unit status capture_time start_time_current period number_of_periods",
  6: "register_activation",
  7: "profile_generic: buffer capture_objects capture_period sort_method sort_object entries_in_use profile_entries",
  8: "clock: time time_zone status daylight_savings_begin daylight_savings_end daylight_savings_deviation daylight_savings_enabled clock_base",
  9: "script_table",
  10: "schedule",
  11: "special_days_table",
  12: "association_sn: object_list access_rights_list security_setup_reference user_list current_user",
  15:
    "association_ln: object_list associated_partners_id application_context_name xdlms_context_info authentication_mechanism_name secret association_status security_setup_reference user_list current_user",
  17: "sap_assignment: sap_assignment_list",
  18: "image_transfer",
  19: "iec_local_port_setup",
  20: "activity_calendar",
  21: "register_monitor",
  22: "single_action_schedule",
  23:
    "iec_hdlc_setup: comm_speed window_size_transmit window_size_receive max_info_length_transmit max_info_length_receive inter_octet_time_out inactivity_time_out device_address",
  27: "modem_configuration",
  28: "auto_answer",
  29: "auto_connect",
  40:
    "push_setup: push_object_list send_destination_and_method communication_window randomisation_start_interval number_of_retries repetition_delay",
  41: "tcp_udp_setup",
  42: "ipv4_setup",
  43: "mac_address_setup",
  44: "ppp_setup",
  45: "gprs_modem_setup",
  47: "gsm_diagnostic",
  48: "ipv6_setup",
  61: "register_table",
  62: "compact_data",
  63: "status_mapping",
  64: "security_setup: security_policy security_suite client_system_title server_system_title certificates",
  65: "parameter_monitor",
  68: "arbitrator",
  70: "disconnect_control: output_state control_state control_mode",
  71: "limiter",
  72: "m_bus_client",
  111: "account",
  112: "credit",
  113: "charge",
  115: "token_gateway",
};

/** Classes by name, for whoever builds a request. */
export const CLASS = {
  data: 1,
  register: 3,
  extendedRegister: 4,
  demandRegister: 5,
  profileGeneric: 7,
  clock: 8,
  associationSn: 12,
  associationLn: 15,
  sapAssignment: 17,
  securitySetup: 64,
  disconnectControl: 70,
} as const;

function describe(classId: number): ClassDescription {
  const [name = "", attributes = ""] = (CLASSES[classId] ?? `class_${classId}`).split(": ");
  return { name, attributes: attributes.split(" ").filter((attribute) => attribute !== "") };
}

/** `register`; `class_99` for one that nobody has described. */
export function className(classId: number): string {
  return describe(classId).name;
}

/** `scaler_unit`; `attribute_9` for one that the class's description lacks. */
export function attributeName(classId: number, id: number): string {
  if (id === 1) return "logical_name";
  return describe(classId).attributes[id - 2] ?? `attribute_${id}`;
}

/** The attribute that holds scaler and unit of attribute `id`; `undefined`: none does. */
export function scalerUnitAttribute(classId: number, id: number): number | undefined {
  if (id === 2 && (classId === CLASS.register || classId === CLASS.extendedRegister)) return 3;
  return classId === CLASS.demandRegister && (id === 2 || id === 3) ? 4 : undefined;
}

/** What the client may do with an attribute or method. */
export interface AccessRight {
  readonly id: number;
  readonly read: boolean;
  readonly write: boolean;
}

/** One object of the meter's list. */
export interface ListedObject {
  readonly classId: number;
  readonly version: number;
  readonly name: LogicalName;
  /** With short names alone. */
  readonly baseName?: number;
  /** Empty where the list does not say. */
  readonly attributes: readonly AccessRight[];
  readonly methods: readonly { readonly id: number; readonly allowed: boolean }[];
}

/** The meter's list of its objects: attribute 2 of its association. Elements that are none are left out. */
export function readObjectList(data: Data, associationVersion = 0): ListedObject[] {
  const items = itemsOf(data);
  if (!items) throw new ProtocolError("unreadable", "Cannot read the meter's list of objects: it is no list");
  return items.map((item) => readObject(item, associationVersion)).filter((object) => object !== undefined);
}

function readObject(data: Data, associationVersion: number): ListedObject | undefined {
  const [first, second, third, fourth] = itemsOf(data) ?? [];
  const short = octetsOf(fourth); // base name, class, version, name; else class, version, name, rights
  const [classId, version] = (short ? [second, third] : [first, second]).map(integerOf);
  const name = short ?? octetsOf(third);
  if (classId === undefined || version === undefined || name?.length !== 6) return undefined;
  const [attributes, methods] = short ? [] : itemsOf(fourth) ?? [];
  return {
    ...{ classId, version, name: decodeLogicalName(name) },
    ...(short ? { baseName: integerOf(first)! & 0xffff } : {}),
    attributes: (itemsOf(attributes) ?? []).map((right) => readRight(right, associationVersion)),
    methods: (itemsOf(methods) ?? []).map(readMethodRight),
  };
}

/** Up to version 2 modes 1 to 6: read, write, both, and the same authenticated; from 3 on bits. */
function readRight(data: Data, associationVersion: number): AccessRight {
  const [id = 0, mode = 0] = (itemsOf(data) ?? []).map(integerOf);
  const bits = associationVersion >= 3 ? mode : mode > 3 ? mode - 3 : mode;
  return { id, read: (bits & 1) !== 0, write: (bits & 2) !== 0 };
}

function readMethodRight(data: Data): ListedObject["methods"][number] {
  const [id, mode] = itemsOf(data) ?? [];
  const allowed = mode?.type === "boolean" ? mode.value : ((integerOf(mode) ?? 0) & 3) !== 0;
  return { id: integerOf(id) ?? 0, allowed };
}
