/** What follows from an InfluxDB server's answer to a write. @module */
import { SinkError } from "../../src/sink.ts";

/** What the answer is judged by. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** `Retry-After`: seconds, or an HTTP date. */
  readonly retryAfter: string | null;
  /** ms since 1970, for a date in `retryAfter`. */
  readonly nowMs: number;
}

/** A person must do something at the server or in the configuration: ask no more than once a minute. */
const PERSON_MS = 60_000;

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
    const lines = badLines(body, count);
    return new SinkError(
      lines.length > 0 ? `${message} ${linesSaid(body)}` : message,
      lines.length > 0 ? { kind: "reject", indices: lines } : { kind: "split" },
    );
  }
  return new SinkError(message, { kind: "retry", ...waitFor(answer) });
}

/** Words of older 2.x servers, which answer 500 for what others call 422. */
const PARTIAL = /partial write|beyond retention|outside retention/i;

/** 1xx to 3xx, 401, 403, 404 and other 4xx need a person; 408, 425, 429 and 5xx pass. */
function waitFor({ status, retryAfter, nowMs }: Answer): { afterMs?: number } {
  if (status === 429 || status === 503) return parseRetryAfter(retryAfter, nowMs);
  if (status >= 500 || status === 408 || status === 425) return {};
  return { afterMs: PERSON_MS };
}

function parseRetryAfter(text: string | null, nowMs: number): { afterMs?: number } {
  if (text === null) return {};
  const seconds = /^\s*\d+\s*$/.test(text) ? Number(text) : (Date.parse(text) - nowMs) / 1000;
  return seconds > 0 ? { afterMs: seconds * 1000 } : {};
}

interface BadLine {
  readonly line_number: number;
  readonly error_message?: string;
}

/** The lines that a v3 server names (`data: [{ line_number, error_message }]`), as indices; it has taken the others. */
function badLines(body: string, count: number): number[] {
  const indices = dataOf(body).map(({ line_number }) => line_number - 1);
  return indices.every((index) => Number.isInteger(index) && index >= 0 && index < count) ? indices : [];
}

function linesSaid(body: string): string {
  return `(${dataOf(body)[0]?.error_message ?? "no reason given"})`;
}

function dataOf(body: string): readonly BadLine[] {
  const { data } = parse(body);
  return Array.isArray(data) ? data.filter((line) => line !== null && typeof line === "object") : [];
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
