/** What the program says to the people who run it: one line per event. @module */

/** Structured fields of an event: what a machine may search for. */
export type Fields = Readonly<Record<string, unknown>>;

/** Where events go. The message is a whole sentence; the fields repeat its facts for machines. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warning(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}
