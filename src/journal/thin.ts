/**
 * Which readouts may go first when room is needed: of each meter those nearest to the quarter hours stay. Registers
 * count on, so no energy is lost with those between, only when within the quarter hour it was used.
 * @module
 */

/** A readout as far as thinning must know it; `kind`: the same for readouts of one meter and one form. */
export interface ThinRow {
  readonly seq: number;
  readonly atMs: number;
  readonly kind: string;
}

const QUARTER_MS = 900_000;

/** The sequence numbers of those that are not nearest to any quarter hour; of two as near the earlier stays. */
export function betweenQuarters(rows: readonly ThinRow[]): number[] {
  const nearest = new Map<string, { readonly seq: number; readonly awayMs: number }>();
  for (const { seq, atMs, kind } of rows) {
    const quarter = Math.round(atMs / QUARTER_MS);
    const awayMs = Math.abs(atMs - quarter * QUARTER_MS);
    const key = `${quarter} ${kind}`;
    const kept = nearest.get(key);
    if (!kept || awayMs < kept.awayMs) nearest.set(key, { seq, awayMs });
  }
  const stay = new Set(nearest.values().map(({ seq }) => seq));
  return rows.map(({ seq }) => seq).filter((seq) => !stay.has(seq));
}
