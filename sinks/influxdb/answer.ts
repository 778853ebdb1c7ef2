/** What follows from an InfluxDB server's answer to a write. @module */
import { type SinkBlock, SinkError } from "../../src/sink.ts";

/** What the answer is judged by. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** `Retry-After`: seconds, or an HTTP date. */
  readonly retryAfter: string | null;
  /** ms since 1970, for a date in `retryAfter`. */
  readonly nowMs: number;
}

/** What a person may look at, by status. */
const ADVICE: Readonly<Record<number, string>> = {
  401: "check token, or username and password",
  403: "the token or user may not write there",
  404: "check url, bucket or database",
};

/** The error that an answer means; `undefined`: the server has the batch. `count`: how many lines were sent. */
export function judge(answer: Answer, count: number): SinkError | undefined {
  const { status, body } = answer;
  if (status === 200 && body === "" || status === 201 && body === "" || status === 204) return undefined;
  const said = body === "" ? "" : `: ${messageOf(body)}`;
  const message = `The server answered ${status}${ADVICE[status] ? ` (${ADVICE[status]})` : ""}${said}`;
  if (status === 413) return new SinkError(message, { kind: "split" });
  if (status === 400 || status === 422 || status === 500 && PARTIAL.test(body)) {
    const indices = badLines(body, count);
    if (indices.length === 0) return new SinkError(message, { kind: "split" });
    // InfluxDB 3 names bad lines, but has written the others only if partial writes were asked for.
    return new SinkError(`${message} ${linesSaid(body)}`, { kind: "reject", indices, others: "again" });
  }
  return new SinkError(message, { kind: "retry", ...waitFor(answer) });
}

/** Words of older 2.x servers, which answer 500 for what others call 422. */
const PARTIAL = /partial write|beyond retention|outside retention/i;

/** 408, 425, 429 and 5xx pass; anything else waits for a person. */
function waitFor({ status, retryAfter, nowMs }: Answer): { afterMs?: number; blocked?: SinkBlock } {
  if (status >= 500 || [408, 425, 429].includes(status)) return parseRetryAfter(retryAfter, nowMs);
  return { blocked: status === 401 || status === 403 ? "auth" : status === 404 ? "target" : "config" };
}

function parseRetryAfter(text: string | null, nowMs: number): { afterMs?: number } {
  if (text === null) return {};
  const seconds = /^\s*\d+\s*$/.test(text) ? Number(text) : (Date.parse(text) - nowMs) / 1000;
  return seconds > 0 ? { afterMs: seconds * 1000 } : {};
}

interface BadLine {
  readonly line_number: unknown;
  readonly error_message?: unknown;
}

/** The lines that a v3 server names (`data: [{ line_number, error_message }]`, or the first of them alone), as indices. */
function badLines(body: string, count: number): number[] {
  const numbers = dataOf(body).map(({ line_number }) => typeof line_number === "number" ? line_number - 1 : NaN);
  const indices = [...new Set(numbers)];
  return indices.every((index) => Number.isInteger(index) && index >= 0 && index < count) ? indices : [];
}

function linesSaid(body: string): string {
  const said = dataOf(body)[0]?.error_message;
  return `(${typeof said === "string" ? said.slice(0, 300) : "no reason given"})`;
}

function dataOf(body: string): readonly BadLine[] {
  const { data } = parse(body);
  return [data].flat().filter((line): line is BadLine => line !== null && typeof line === "object");
}

function messageOf(body: string): string {
  const { message, error } = parse(body);
  const text = [message, error].find((text) => typeof text === "string" && text !== "") ?? body;
  return String(text).slice(0, 300).trim();
}

function parse(body: string): { data?: unknown; message?: unknown; error?: unknown } {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
