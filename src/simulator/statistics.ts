/** What happened to simulated meters, in numbers and in words. @module */
import { formatLine } from "../line.ts";
import type { MeterEvent } from "./speech.ts";

/** What happened so far, over all meters and clients. */
export interface Statistics {
  /** Clients that came. */
  clients: number;
  /** Requests that were heard, answered or not. */
  requests: number;
  /** Requests that were answered by an identification. */
  sessions: number;
  /** Data messages of modes A, B and C that were begun, repetitions included. */
  messages: number;
  /** Telegrams of mode D that were begun. */
  pushes: number;
  naks: number;
  breaks: number;
  /** Commands of programming mode that were answered, or refused; values that were written; wrong passwords. */
  answers: number;
  refusals: number;
  writes: number;
  wrongPasswords: number;
  /** What a client did that a meter could not understand: pieces at a wrong speed, wrong or missing messages. */
  complaints: number;
  /** The last complaint in words. */
  complaint?: string;
}

/** Nothing has happened yet. */
export function newStatistics(): Statistics {
  const passed = { clients: 0, requests: 0, sessions: 0, messages: 0, pushes: 0, naks: 0, breaks: 0 };
  return { ...passed, answers: 0, refusals: 0, writes: 0, wrongPasswords: 0, complaints: 0 };
}

/** Counts an event. */
export function count(statistics: Statistics, event: MeterEvent): void {
  if (event.kind === "request") {
    statistics.requests++;
    if (event.answered) statistics.sessions++;
  } else if (event.kind === "data") statistics.messages++;
  else if (event.kind === "push") statistics.pushes++;
  else if (event.kind === "repeat") statistics.naks++;
  else if (event.kind === "break") statistics.breaks++;
  else if (event.kind === "command") {
    statistics[COUNTED[event.done]]++;
  } else if (event.kind === "complaint") {
    statistics.complaints++;
    statistics.complaint = event.message;
  }
}

const COUNTED = {
  answered: "answers",
  refused: "refusals",
  written: "writes",
  "wrong password": "wrongPasswords",
} as const;

/** An event in words. */
export function describe(event: MeterEvent): string {
  if (event.kind === "complaint") return `The client is wrong: ${event.message}`;
  if (event.kind === "request") {
    const whom = event.address === "" ? "everybody" : event.address;
    return `A request for ${whom}: ${event.answered ? "answered" : "not answered"}`;
  }
  if (event.kind === "programming") return `Programming mode at ${formatLine(event.line)}`;
  if (event.kind === "command") return `Command ${event.text}: ${event.done}`;
  if (event.kind === "hand-over") return `Mode E: HDLC at ${formatLine(event.line)}`;
  if (event.kind === "data") return `Data message at ${formatLine(event.line)}`;
  return { push: "Telegram pushed", repeat: "NAK: the message is repeated", break: "Break: idle" }[event.kind];
}
