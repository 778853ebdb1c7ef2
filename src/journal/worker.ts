/**
 * The one worker: it alone holds the journal's file, so that a memory card that stalls for seconds stalls nobody who
 * talks to a meter. It writes and reads what it is told; what is written when is decided in `store.ts`.
 * @module
 */
import { fetchReadouts, setAside } from "./aside.ts";
import { collectGarbage } from "../garbage.ts";
import { JournalFile } from "./file.ts";
import { excessLetters, listLetters, nextLetters, purgeLetters, retryLetters } from "./letters.ts";
import type { Answer, Contents, Opening, Question, Salvage } from "./messages.ts";
import { boundary, readRows, thin } from "./slices.ts";
import { FileTrouble, troubleOf } from "./trouble.ts";

let file: JournalFile | undefined;

/** Opens it, also again: a disk may have come back that was gone. */
function open(opening: Opening): Contents {
  close();
  const [opened, contents] = opening.damaged ? setAside(opening) : openOrSetAside(opening);
  file = opened;
  return contents;
}

function close(): void {
  file?.close();
  file = undefined;
}

function openOrSetAside(opening: Opening): [JournalFile, Contents] {
  try {
    return JournalFile.open(opening);
  } catch (error) {
    if (troubleOf(error).kind !== "damaged") throw error;
    return setAside(opening);
  }
}

/** Fetches some more from the damaged file. Returns how many readouts came, and what is left to do. */
function salvage(from: Salvage): { readonly fetched: number; readonly after: number } {
  const { rows, upTo } = fetchReadouts(from);
  file!.restore(rows, { ...from, after: upTo });
  return { fetched: rows.length, after: upTo };
}

/** Carries out one question. */
function answer(question: Question): unknown {
  if (question.kind === "open") return open(question);
  if (question.kind === "ping") return collectGarbage();
  if (question.kind === "close") return close();
  if (!file) throw new FileTrouble("failing", "the journal could not be opened yet");
  switch (question.kind) {
    case "commit":
      return file.commit(question);
    case "read":
      return readRows(file.sql, file.boots, question);
    case "boundary":
      return boundary(file.sql, question);
    case "thin":
      return thin(file.sql, question);
    case "redate":
      return file.redate(question);
    case "check":
      return file.check(question.places, question.upTo);
    case "salvage":
      return salvage(question);
    case "list letters":
      return listLetters(file.sql, question.choice, question.limit);
    case "excess letters":
      return excessLetters(file.sql, question);
    case "next letters":
      return nextLetters(file.sql, question.sink, question.limit);
    case "retry letters":
      return retryLetters(file.sql, question.choice, question.sinks);
    case "purge letters":
      return purgeLetters(file.sql, question.choice);
    case "ballast":
      return file.makeBallast();
  }
}

const port = self as unknown as { postMessage(answer: Answer): void; onmessage(event: MessageEvent<Question>): void };

port.onmessage = ({ data }) => {
  try {
    port.postMessage({ id: data.id, value: answer(data) });
  } catch (error) {
    port.postMessage({ id: data.id, trouble: troubleOf(error) });
  }
};
