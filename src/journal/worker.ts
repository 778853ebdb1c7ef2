/**
 * The one worker: it alone holds the journal's file, so that a memory card that stalls for seconds stalls nobody who
 * talks to a meter. It writes and reads what it is told; what is written when is decided in `store.ts`.
 * @module
 */
import { JournalFile } from "./file.ts";
import type { Answer, Question } from "./messages.ts";
import { troubleOf } from "./trouble.ts";

let file: JournalFile | undefined;

/** Carries out one question. */
function answer(question: Question): unknown {
  switch (question.kind) {
    case "open": {
      const [opened, contents] = JournalFile.open(question.path);
      file = opened;
      return contents;
    }
    case "commit":
      return file!.commit(question);
    case "read":
      return file!.read(question);
    case "boundary":
      return file!.boundary(question);
    case "redate":
      return file!.redate(question);
    case "ping":
      return;
    case "close":
      return file?.close();
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
