// What is filtered by, each with its x; how many photos that are; and their order.
import { html } from "./html.js";
import { ColumnMenu } from "./column_menu.js";
import { describeFilter } from "./describe.js";
import { without } from "./empty.js";
import { ofMany } from "./format.js";
import { filterParams } from "./state.js";
import { sortsWith } from "./sorts.js";

export function Chips({ state, navigate, found, toggleFilters, isOpen }) {
  const pairs = filterParams(state.filters);
  const { data, loading } = found;
  const hasOrder = state.view === "gallery" || state.view === "table";
  return html`<div class="chips">
    <button type="button" class="filters-button" aria-expanded=${isOpen} aria-controls="filters" onClick=${toggleFilters}>
      <${FilterIcon} />Filters${pairs.length > 0 && html`<span class="badge">${pairs.length}</span>`}
    </button>
    <p class="total" role="status" aria-live="polite">
      ${data ? html`<b>${ofMany(data)}</b> ${data.total === 1 ? "photo" : "photos"}` : loading ? "Counting …" : ""}
    </p>
    <ul class="chip-list" aria-label="Filters that are on">
      ${pairs.map(([name, value]) => {
        const [kind, text] = describeFilter(name, value);
        return html`<li key=${`${name} ${value}`} class="chip">
          <span>${kind && html`<span class="kind">${kind}</span>`} ${text}</span>
          <button type="button" aria-label=${`Remove ${kind} ${text}`} onClick=${() => navigate({ filters: without(state.filters, name, value) })}>×</button>
        </li>`;
      })}
      ${pairs.length > 1 && html`<li><button type="button" class="link" onClick=${() => navigate({ only: true })}>Clear all</button></li>`}
    </ul>
    ${state.view === "table" && html`<${ColumnMenu} state=${state} navigate=${navigate} />`}
    ${hasOrder &&
    html`<label class="order"><span>Sort</span>
      <select value=${state.sort} onChange=${(event) => navigate({ sort: event.target.value })}>
        ${sortsWith(state.sort).map(([value, title]) => html`<option key=${value} value=${value}>${title}</option>`)}
      </select>
    </label>`}
  </div>`;
}

function FilterIcon() {
  return html`<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d="M2 4h12M4.500 8h7M6.500 12h3" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" /></svg>`;
}
