/**
 * @file A server time: relative if it is recent, with the exact time as its tooltip.
 */
import { age, localTime } from "../core/format.js";
import { useEffect, useState } from "../core/preact.js";

const REFRESH_MS = 30_000;

/** @param {{text: string | null | undefined}} props text: ISO 8601, with its time zone */
export function Time({ text }) {
  const [, setRefreshes] = useState(0);
  const relative = age(text);
  const isRecent = relative !== null;
  useEffect(() => {
    if (!isRecent) return undefined;
    const timer = setInterval(() => setRefreshes((last) => last + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, [isRecent]);
  if (!text) return null;
  const exact = localTime(text);
  return (
    <time datetime={text} title={isRecent ? exact : undefined}>
      {relative ?? exact}
    </time>
  );
}
