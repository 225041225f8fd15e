// What is shown, as a file.
import { html, useState } from "./html.js";
import { api, token } from "./api.js";
import { number } from "./format.js";
import { Icon } from "./icons.js";
import { Menu } from "./menu.js";
import { settings } from "./settings.js";
import { filterParams } from "./state.js";

const FORMS = [
  ["csv", "CSV", "for a spreadsheet"],
  ["ndjson", "NDJSON", "every tag, a record a line"],
  ["geojson", "GeoJSON", "those with a place"],
  ["parquet", "Parquet", "for data tools"],
];

export function ExportMenu({ state, found }) {
  return html`<${Menu} title="Export what is shown" label="Export" icon=${html`<${Icon} name="export" />`}>
    ${(close) => html`<${Panel} state=${state} found=${found} close=${close} />`}
  <//>`;
}

function Panel({ state, found, close }) {
  const [busy, setBusy] = useState(null);
  const [error, setError] = useState(null);
  const pairs = filterParams(state.filters);
  const total = found.data && !found.data.more ? `${number(found.data.total)} photos` : "All photos of this view";
  // A link cannot send the token: where reading needs it, the answer goes through this page.
  const isFetched = settings.needs_token && token();
  const fetchFile = async (event, form) => {
    event.preventDefault();
    setBusy(form);
    setError(null);
    try {
      await saveStream(await api.open(`/export.${form}`, { params: pairs }), `photos.${form}`);
      close();
    } catch (problem) {
      if (problem.name !== "AbortError") setError(problem);
    }
    setBusy(null);
  };
  return html`<p class="head">${total}</p>
    <ul class="entries">
      ${FORMS.map(
        ([form, title, use]) => html`<li key=${form}>
          <a href=${api.address(`/export.${form}`, pairs)} download=${`photos.${form}`} onClick=${isFetched ? (event) => fetchFile(event, form) : close}>
            <b>${title}</b> <span class="muted">${busy === form ? "being written …" : use}</span>
          </a>
        </li>`,
      )}
    </ul>
    ${error && html`<p class="note" role="alert">${error.message}</p>`}`;
}

// To disk as it comes where the browser can (a million records do not fit in memory), else when it is whole.
async function saveStream(answer, name) {
  if (window.showSaveFilePicker) {
    const handle = await window.showSaveFilePicker({ suggestedName: name });
    await answer.body.pipeTo(await handle.createWritable());
    return;
  }
  const address = URL.createObjectURL(await answer.blob());
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
