/** Many tries of one property: in the suite a few, here as many as asked for, each to be repeated by its seed. @module */
import fc from "fast-check";

/** How often, and where chance begins. The same two give the same tries. */
export interface Tries {
  readonly count: number;
  readonly seed: number;
  /** Hears how many are done. */
  readonly onProgress?: (done: number) => void;
}

/** So many tries have one seed: a failure among millions is found again within seconds. */
const STRETCH = 100_000;

/** Tries a property. @throws {Error} with the smallest input that breaks it, and seed and path to it */
export async function tryOut<T>(
  property: fc.IProperty<T> | fc.IAsyncProperty<T>,
  { count, seed, onProgress = () => {} }: Tries,
): Promise<void> {
  for (let done = 0, stretch = 0; done < count; done += STRETCH, stretch++) {
    const numRuns = Math.min(STRETCH, count - done);
    await fc.assert(property as fc.IAsyncProperty<T>, { numRuns, seed: seed + stretch, endOnFailure: false });
    onProgress(done + numRuns);
  }
}
