/** Options of which some may be absent. @module */

type MayBeAbsent<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T];

/** The same without the keys that hold `undefined`, so that a default may stand in for them. */
export function withoutAbsent<T extends object>(
  given: T,
): Omit<T, MayBeAbsent<T>> & { readonly [K in MayBeAbsent<T>]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never;
}
