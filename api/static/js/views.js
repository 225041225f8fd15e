// The views, each with its stylesheet, fetched when it is first shown.
import { html, useEffect, useState } from "./html.js";
import { Failed, Loading } from "./screens.js";

export const TITLES = { gallery: "Gallery", table: "Table", map: "Map", statistics: "Statistics", batches: "Batches" };
const STYLED = new Set(["table", "map", "statistics", "batches"]);
const loaded = {};

async function load(name) {
  const [module] = await Promise.all([import(`./views/${name}.js`), STYLED.has(name) && loadStyle(name)]);
  loaded[name] = module.default;
}

// Resolves when the stylesheet holds, so that no view is seen without it. Used for vendored ones too.
export function loadStyle(name) {
  const address = new URL(`../css/${name}.css`, import.meta.url).href;
  const there = [...document.styleSheets].some((sheet) => sheet.href === address);
  if (there) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address });
    link.onload = resolve;
    link.onerror = () => reject(new Error(`The stylesheet ${name}.css did not come.`));
    document.head.append(link);
  });
}

export function ViewSwitch(props) {
  const { view } = props.state;
  const [, setShown] = useState(0);
  const [error, setError] = useState(null);
  useEffect(() => {
    if (loaded[view]) return;
    setError(null);
    load(view).then(() => setShown((at) => at + 1), setError);
  }, [view]);
  const View = loaded[view];
  if (error) return html`<${Failed} error=${error} retry=${() => location.reload()} />`;
  if (!View) return html`<${Loading} what=${TITLES[view].toLowerCase()} />`;
  return html`<${View} ...${props} />`;
}
