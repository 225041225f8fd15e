// The keys, and what the boxes take.
import { html } from "./html.js";
import { Dialog } from "./dialog.js";

const KEYS = [
  ["/", "Search"],
  ["1 … 5", "Gallery, table, map, statistics, batches"],
  ["f", "Show or hide the filters"],
  ["← → ↑ ↓", "Go from photo to photo; move the end of a range"],
  ["Home, End", "First and last photo that is loaded"],
  ["Enter", "Open the photo"],
  ["← →", "In a photo: the one before and the one after"],
  ["Esc", "Close what is open"],
  ["?", "This help"],
];

export function Help({ close }) {
  return html`<${Dialog} title="Keys" close=${close} kind="help">
    <dl class="keys">${KEYS.map(([key, does]) => html`<div key=${key + does}><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}</dl>
    <p>Words in the search box stand in the description, the keywords or the key of a photo; all of them have to.</p>
    <p>Whatever you see has its address: bookmark it, send it on, go back. The <a href="/docs" target="_blank" rel="noopener">API</a> takes the same filters.</p>
  <//>`;
}
