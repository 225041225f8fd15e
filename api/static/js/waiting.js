// While the first page is on its way; that it is slow is said only after a while.
import { html, useEffect, useState } from "./html.js";
import { SLOW_MS } from "./load.js";
import { Loading } from "./screens.js";

export function Waiting({ pages }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, [pages]);
  return html`<${Loading} slow=${slow} />`;
}
