/** Options that are written as text and mean something else: a duration, a place. @module */
import * as z from "zod";

/** A schema of text whose value is what `parse` makes of it; `parse`'s own words are the fault. */
export function parsed<T>(parse: (text: string) => T): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
      return z.NEVER;
    }
  });
}
