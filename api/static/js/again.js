// What is counted over a part only, while the whole is being counted beside the requests, is asked for again.
import { useEffect, useRef } from "./html.js";

const AGAIN_MS = 3000;
const MOST_TRIES = 20;

// found: of useLoad with this key, whose data may have cut_short.
export function useAgain(found, key) {
  const tries = useRef({ key: null, count: 0 });
  useEffect(() => {
    if (!found.data?.cut_short || found.loading) return undefined;
    if (tries.current.key !== key) tries.current = { key, count: 0 };
    if (tries.current.count >= MOST_TRIES) return undefined;
    tries.current.count += 1;
    const timer = setTimeout(found.reload, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [found.data]);
}
