/** Whole telegrams to be damaged: those of the corpus beside the project, each with the check that its maker would send. @module */
import { join } from "../src/bytes.ts";
import {
  decodeTelegrams,
  encodeDataMessage,
  encodeIdentification,
  encodeP1,
  encodePush,
  formatDataBlock,
  modeOf,
} from "../src/iec62056/mod.ts";
import type { DataSet, Identification, Telegram } from "../src/telegram.ts";
import { corpus, hasCorpus } from "../test/support/specs.ts";

/** A whole telegram, and what it says. */
export interface Specimen {
  readonly name: string;
  readonly identification: Identification;
  readonly sets: readonly DataSet[];
  /** The data message as a meter answers it: STX, block, ETX, check character. */
  readonly answer: Uint8Array;
  /** The same with its identification, as a recorder keeps it. */
  readonly recorded: Uint8Array;
  /** The same pushed with a CRC. */
  readonly p1: Uint8Array;
  /** The same pushed without any check. */
  readonly push: Uint8Array;
}

/** For a checkout without the corpus: a few lines of each kind. */
const INVENTED = [
  "/LGZ4\\2ZMD3102407.B14\r\n\x02F.F(00000000)\r\n0.0.0(12345678)\r\n1.8.0(0147238.4*kWh)\r\n1.8.0*24(0001.2*kWh)\r\n" +
  "1.6.1(3.2*kW)(2401011230)\r\n32.7.0(231.4*V)\r\n!\r\n\x03",
  "/ISk5MT174-0001\r\n\x020.0.0(00351271)\r\n1.8.0(0003526.5*kWh)\r\n2.8.0(0000000.0*kWh)\r\n!\r\n\x03",
  "/LUGCUH50\r\n\x026.8(0010.871*GJ)6.26(00214.37*m3)9.21(66260171)\r\n9.4(088*C&082*C)\r\n!\r\n\x03",
];

/** All that can be damaged: what is whole in the corpus, or what is invented where there is none; oddities as they are. */
export function specimens(): readonly Specimen[] {
  const texts = hasCorpus ? corpus().map(({ bytes, name }) => ({ bytes, name })) : INVENTED.map((text, at) => ({
    name: `invented ${at}`,
    bytes: new TextEncoder().encode(text),
  }));
  return texts.flatMap(({ bytes, name }) => decodeTelegrams(bytes).flatMap((telegram) => specimenOf(name, telegram)));
}

/** The recordings themselves, as people posted them. */
export function recordings(): readonly Uint8Array[] {
  return hasCorpus ? corpus().map(({ bytes }) => bytes) : INVENTED.map((text) => new TextEncoder().encode(text));
}

function specimenOf(name: string, { identification, block }: Telegram): Specimen[] {
  if (!identification || block.damaged.length > 0 || block.sets.length === 0) return [];
  const text = formatDataBlock(block.sets);
  const answer = encodeDataMessage(text);
  const { line } = identification;
  return [{
    name,
    identification,
    sets: block.sets,
    answer,
    recorded: join(encodeIdentification(identification), answer),
    p1: encodeP1(line, text),
    push: encodePush(line, text),
  }];
}

/** Whether a meter of this kind would be asked for its data by an option select. */
export function isModeC({ identification }: Specimen): boolean {
  return modeOf(identification) === "C";
}
