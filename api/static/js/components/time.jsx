/**
 * @file A time from the server. Recent times are shown relative to now, with the exact time as the tooltip.
 */
import { formatAge, formatLocalTime } from "../core/format.js";
import { useEffect, useState } from "../core/preact.js";

const REFRESH_MS = 30_000;

/** @param {{text: string | null | undefined}} props text: ISO 8601, with its time zone */
export function Time({ text }) {
  const [, setRefreshes] = useState(0);
  const relative = formatAge(text);
  const isRecent = relative !== null;
  useEffect(() => {
    if (!isRecent) return undefined;
    const timer = setInterval(() => setRefreshes((last) => last + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isRecent]);
  if (!text) return null;
  const exact = formatLocalTime(text);
  return (
    <time datetime={text} title={isRecent ? exact : undefined}>
      {relative ?? exact}
    </time>
  );
}
