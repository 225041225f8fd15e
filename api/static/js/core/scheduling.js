/**
 * @file Splits long work, so that the page stays responsive.
 */

const nextTask = () => new Promise((resolve) => setTimeout(resolve));

/** Let the browser handle pending input. */
export const yieldToInput = () => scheduler()?.yield?.() ?? nextTask();

/** Wait until nothing more urgent is pending. */
export const yieldToIdle = () =>
  scheduler()?.postTask?.(() => {}, { priority: "background" }) ?? nextTask();

/** Return the Prioritized Task Scheduling API, if the browser has it. */
function scheduler() {
  return /** @type {any} */ (globalThis).scheduler;
}

/**
 * Map items one by one, and pause every `budgetMs` milliseconds.
 * @template T, U
 * @param {readonly T[]} items
 * @param {(item: T) => U} transform
 * @param {number} [budgetMs]
 * @returns {Promise<U[]>}
 */
export async function mapInChunks(items, transform, budgetMs = 12) {
  const results = [];
  let deadline = performance.now() + budgetMs;
  for (const item of items) {
    results.push(transform(item));
    if (performance.now() > deadline) {
      await yieldToIdle();
      deadline = performance.now() + budgetMs;
    }
  }
  return results;
}
