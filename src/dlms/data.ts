/** The values that DLMS carries, by the type that the meter gave them (Green Book, "Data"). @module */

/** Whole numbers of 8, 16 and 32 bits, and what is coded as one. `delta-…`: to be added to the value before. */
export type IntegerType =
  | "integer"
  | "long"
  | "double-long"
  | "unsigned"
  | "long-unsigned"
  | "double-long-unsigned"
  | "enum"
  | "bcd"
  | "delta-integer"
  | "delta-long"
  | "delta-double-long"
  | "delta-unsigned"
  | "delta-long-unsigned"
  | "delta-double-long-unsigned";

/** Strings, and moments as their 12, 5 or 4 octets (`date_time.ts` reads them). */
export type OctetsType = "octet-string" | "visible-string" | "utf8-string" | "date-time" | "date" | "time";

/** A value that holds no others. */
export type Scalar =
  | { readonly type: "null-data" | "dont-care" }
  | { readonly type: "boolean"; readonly value: boolean }
  /** `101`: the first bit first. */
  | { readonly type: "bit-string"; readonly bits: string }
  | { readonly type: IntegerType; readonly value: number }
  | { readonly type: "long64" | "long64-unsigned"; readonly value: bigint }
  | { readonly type: "float32" | "float64"; readonly value: number }
  | { readonly type: OctetsType; readonly octets: Uint8Array };

/** Any value. */
export type Data =
  | Scalar
  /** `announced`: how many it was said to hold, when the message ended before. */
  | { readonly type: "array" | "structure"; readonly items: readonly Data[]; readonly announced?: number }
  /** An array whose elements leave out their types: `of` says them once. */
  | { readonly type: "compact-array"; readonly of: TypeDescription; readonly items: readonly Data[] };

/** What each element of a compact array is. */
export type TypeDescription =
  | { readonly type: Scalar["type"] }
  | { readonly type: "array"; readonly count: number; readonly of: TypeDescription }
  | { readonly type: "structure"; readonly of: readonly TypeDescription[] };

/** Nothing. */
export const NULL: Data = { type: "null-data" };

/** A structure of these. */
export function structure(...items: readonly Data[]): Data {
  return { type: "structure", items };
}

/** An array of these. */
export function array(items: readonly Data[]): Data {
  return { type: "array", items };
}

/** A whole number of this type. */
export function integer(type: IntegerType, value: number): Data {
  return { type, value };
}

/** An octet string. */
export function octetString(octets: Uint8Array): Data {
  return { type: "octet-string", octets };
}

/** The elements of an array, a compact array or a structure; `undefined`: it is none. */
export function itemsOf(data: Data | undefined): readonly Data[] | undefined {
  return data && "items" in data ? data.items : undefined;
}

/** The whole number that a value is; `undefined`: it is none, or more than 53 bits. */
export function integerOf(data: Data | undefined): number | undefined {
  if (!data || !("value" in data)) return undefined;
  const value = Number(data.value);
  return Number.isSafeInteger(value) && typeof data.value !== "boolean" ? value : undefined;
}

/** The octets of a string or a moment; `undefined`: it is none. */
export function octetsOf(data: Data | undefined): Uint8Array | undefined {
  return data && "octets" in data ? data.octets : undefined;
}
