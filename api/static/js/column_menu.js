// Which columns the table has, and in what order: by buttons here, or by dragging their heads.
import { html } from "./html.js";
import { COLUMNS, columnsOf, USUAL } from "./columns.js";
import { Icon } from "./icons.js";
import { Menu } from "./menu.js";

export function ColumnMenu({ state, navigate }) {
  const columns = columnsOf(state);
  const set = (next) => navigate({ columns: next.join() === USUAL.join() ? null : next }, { replace: true });
  const others = Object.keys(COLUMNS).filter((name) => !columns.includes(name));
  const move = (name, by) => {
    const next = columns.filter((other) => other !== name);
    next.splice(columns.indexOf(name) + by, 0, name);
    set(next);
  };
  return html`<${Menu} title="Columns" label="Columns" icon=${html`<${Icon} name="columns" />`}>
    <ul class="column-list">
      ${columns.map(
        (name, at) => html`<li key=${name}>
          <label><input type="checkbox" checked=${true} disabled=${columns.length === 1} onChange=${() => set(columns.filter((other) => other !== name))} /> ${COLUMNS[name].title}</label>
          <button type="button" class="plain" aria-label=${`Move ${COLUMNS[name].title} left`} disabled=${at === 0} onClick=${() => move(name, -1)}>↑</button>
          <button type="button" class="plain" aria-label=${`Move ${COLUMNS[name].title} right`} disabled=${at === columns.length - 1} onClick=${() => move(name, 1)}>↓</button>
        </li>`,
      )}
      ${others.map(
        (name) => html`<li key=${name}>
          <label><input type="checkbox" checked=${false} onChange=${() => set([...columns, name])} /> ${COLUMNS[name].title}</label>
        </li>`,
      )}
    </ul>
    <button type="button" class="link" onClick=${() => navigate({ columns: null }, { replace: true })}>The usual ones</button>
  <//>`;
}
