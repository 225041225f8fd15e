/**
 * @file A path whose folders stay in order even if some of their names are written from right to left.
 */
import { oneLine } from "../core/format.js";

/** @param {{path: string, limit?: number}} props limit: maximum number of characters */
export function PathText({ path, limit = 300 }) {
  const parts = oneLine(path, limit).split("/");
  return (
    <span dir="ltr">
      {parts.map((part, index) => (
        <>
          {index > 0 && "/"}
          <bdi>{part}</bdi>
        </>
      ))}
    </span>
  );
}
