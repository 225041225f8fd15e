// Lets the browser answer the person in the middle of long work.
export const pause = () => globalThis.scheduler?.yield?.() ?? new Promise((resolve) => setTimeout(resolve));

// The same for what can wait until nothing else is to be done.
export const rest = () =>
  globalThis.scheduler?.postTask?.(() => {}, { priority: "background" }) ?? new Promise((resolve) => setTimeout(resolve));

// What `make(item)` gives for each item, a rest after every `most` milliseconds.
export async function mapInPieces(items, make, most = 12) {
  const made = [];
  let until = performance.now() + most;
  for (const item of items) {
    made.push(make(item));
    if (performance.now() > until) {
      await rest();
      until = performance.now() + most;
    }
  }
  return made;
}
