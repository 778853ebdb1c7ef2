/** Durations, sizes and numbers of things as people write them: `15m`, `512MiB`, `2 meters`. @module */

const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const BYTES_PER: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1000,
  KiB: 1024,
  MB: 1000 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  GiB: 1024 ** 3,
};

/** Milliseconds of `90s`, `15m`, `1h30m`. @throws {Error} that says how a duration is written */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new Error(`"${text}" is no duration: write a number with its unit (ms, s, m, h, d), like 30s or 15m`);
  }
  return Math.round(parts.reduce((sum, [, count, unit]) => sum + Number(count) * MS_PER[unit!]!, 0));
}

/** Bytes of `512MiB`, `100kB`. @throws {Error} that says how a size is written */
export function parseSize(text: string): number {
  const [, count, unit] = text.match(/^(\d+(?:\.\d+)?)([kKMG]?i?B)$/) ?? [];
  const bytes = BYTES_PER[unit ?? ""];
  if (bytes === undefined) {
    throw new Error(
      `"${text}" is no size: write a number with its unit (${Object.keys(BYTES_PER).join(", ")}), like 512MiB`,
    );
  }
  return Math.round(Number(count) * bytes);
}

/** The shortest exact way to write a duration: 5_400_000 → `1h30m`, 250 → `250ms`. */
export function formatDuration(ms: number): string {
  let rest = Math.round(ms);
  const parts = Object.entries(MS_PER).toReversed().map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? `${count}${unit}` : "";
  });
  return parts.join("") || "0s";
}

/** How many there are: `1 meter`, `2 meters`. */
export function counted(things: readonly unknown[], noun: string): string {
  return `${things.length} ${noun}${things.length === 1 ? "" : "s"}`;
}
