// What is counted over a part only, because the whole is still being counted beside the requests, is asked for again.
import { useEffect, useRef } from "./html.js";

const AGAIN_MS = 3000;
const MOST_TRIES = 20;

// found: of useLoad, whose data may have cut_short; isWhole: no filter is on, so the whole is being counted.
export function useAgain(found, isWhole) {
  const tries = useRef(0);
  useEffect(() => {
    if (!found.data?.cut_short || !isWhole || found.loading || tries.current >= MOST_TRIES) return undefined;
    tries.current += 1;
    const timer = setTimeout(found.reload, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [found.data]);
}
