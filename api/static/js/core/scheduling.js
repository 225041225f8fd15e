/**
 * @file Splits long tasks into short ones, so that the page stays responsive.
 */

const nextTask = () => new Promise((resolve) => setTimeout(resolve));

/** Let the browser handle pending input before the caller continues. */
export const yieldToInput = () => scheduler()?.yield?.() ?? nextTask();

/** Let the browser handle everything more urgent before the caller continues. */
export const yieldToIdle = () =>
  scheduler()?.postTask?.(() => {}, { priority: "background" }) ?? nextTask();

/** Return the browser's Prioritized Task Scheduling API, or undefined if it has none. */
function scheduler() {
  return /** @type {any} */ (globalThis).scheduler;
}

/**
 * Transform items one by one. After every `budgetMs` milliseconds, let the browser handle everything more urgent.
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
