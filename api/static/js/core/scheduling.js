/**
 * @file Lets the browser handle input during long work.
 */

const nextTask = () => new Promise((resolve) => setTimeout(resolve));

/** Continue after pending input has been handled. */
export const yieldToInput = () => scheduler()?.yield?.() ?? nextTask();

/** Continue when nothing more urgent is waiting. */
export const yieldToIdle = () =>
  scheduler()?.postTask?.(() => {}, { priority: "background" }) ?? nextTask();

/** The Scheduling API, where the browser has it. */
function scheduler() {
  return /** @type {any} */ (globalThis).scheduler;
}

/**
 * Map items one by one, with a pause after every `budgetMs` milliseconds.
 * @template T, U
 * @param {readonly T[]} items
 * @param {(item: T) => U} make
 * @param {number} [budgetMs]
 * @returns {Promise<U[]>}
 */
export async function mapInChunks(items, make, budgetMs = 12) {
  const made = [];
  let until = performance.now() + budgetMs;
  for (const item of items) {
    made.push(make(item));
    if (performance.now() > until) {
      await yieldToIdle();
      until = performance.now() + budgetMs;
    }
  }
  return made;
}
