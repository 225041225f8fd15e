// Photos in rows of equal width: each row as high as makes its photos fill it, near the height wanted.

// Extends `rows` ([{start, end, top, height}]) for photos up to `count`, from where its last full row ends. The last
// row may be short: it is laid anew when more photos came. Returns the height of all rows.
export function justify(rows, aspects, count, { width, target, gap, done }) {
  while (rows.length && rows.at(-1).open) rows.pop();
  let start = rows.length ? rows.at(-1).end : 0;
  let top = rows.length ? rows.at(-1).top + rows.at(-1).height + gap : 0;
  let sum = 0;
  for (let at = start; at < count; at++) {
    sum += aspects[at];
    const height = (width - gap * (at - start)) / sum;
    if (height > target) continue;
    rows.push({ start, end: at + 1, top, height });
    top += height + gap;
    start = at + 1;
    sum = 0;
  }
  if (start < count) {
    // Of a row that is not full the photos have the height wanted; while there is more to come it may still grow.
    rows.push({ start, end: count, top, height: target, open: !done, short: true });
    top += target + gap;
  }
  return top;
}

// The first and one past the last row that reach into top..bottom.
export function rowsBetween(rows, top, bottom) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height < top) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < rows.length && rows[end].top < bottom) end++;
  return [low, end];
}
