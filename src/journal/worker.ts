/**
 * The one worker: it alone holds the journal's file, so that a memory card that stalls for seconds stalls nobody who
 * talks to a meter. It writes and reads what it is told; what is written when is decided in `store.ts`.
 * @module
 */
import { fetchReadouts, setAside } from "./aside.ts";
import { JournalFile } from "./file.ts";
import type { Answer, Contents, Opening, Question, Salvage } from "./messages.ts";
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
  if (question.kind === "ping") return;
  if (question.kind === "close") return close();
  if (!file) throw new FileTrouble("failing", "the journal could not be opened yet");
  switch (question.kind) {
    case "commit":
      return file.commit(question);
    case "read":
      return file.read(question);
    case "boundary":
      return file.boundary(question);
    case "thin":
      return file.thin(question);
    case "redate":
      return file.redate(question);
    case "check":
      return file.check(question.places);
    case "salvage":
      return salvage(question);
    case "list letters":
      return file.listLetters(question.choice, question.limit);
    case "next letters":
      return file.nextLetters(question.sink, question.limit);
    case "retry letters":
      return file.retryLetters(question.choice, question.sinks);
    case "purge letters":
      return file.purgeLetters(question.choice);
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
