// Lets the browser answer the person in the middle of long work.
export const pause = () => globalThis.scheduler?.yield?.() ?? new Promise((resolve) => setTimeout(resolve));

// What `make(item)` gives for each item, a pause after every `most` milliseconds.
export async function mapInPieces(items, make, most = 12) {
  const made = [];
  let until = performance.now() + most;
  for (const item of items) {
    made.push(make(item));
    if (performance.now() > until) {
      await pause();
      until = performance.now() + most;
    }
  }
  return made;
}
