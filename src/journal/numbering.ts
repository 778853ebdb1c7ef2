/** Readouts that are to be written get their numbers and totals, and point to their forms. @module */
import type { Memory } from "./memory.ts";
import { decodeReadout, parseForm } from "./record.ts";
import type { ReadoutRow } from "./rows.ts";
import type { Waiting } from "./waiting.ts";

/** As rows behind the head, in their order. */
export function numbered({ forms, held, head }: Memory, group: readonly Waiting[]): ReadoutRow[] {
  let { seq, total } = head;
  return group.map(({ count, moment, encoded: { form, atMs, body } }) => {
    const known = form === undefined ? undefined : forms.idOf(form);
    total += count;
    return {
      ...{ seq: ++seq, atMs, count, total },
      form: known ?? null,
      bootId: moment?.bootId ?? null,
      monoMs: moment ? Math.round(moment.monotonicMs) : null,
      quality: held.qualityOf(moment),
      body: known !== undefined || form === undefined
        ? body
        : JSON.stringify(decodeReadout(atMs, parseForm(form), body)),
    };
  });
}
