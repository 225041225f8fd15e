/**
 * @file Menu to choose and reorder the table's columns.
 * @import { Navigate, State } from "../core/types"
 */
import { Icon } from "../components/icons.jsx";
import { Menu } from "../components/menu.jsx";
import { COLUMNS, columnsOf, DEFAULT_COLUMNS } from "./columns.js";

/** @param {{state: State, navigate: Navigate}} props */
export function ColumnMenu({ state, navigate }) {
  const columns = columnsOf(state);
  /** @param {string[]} next */
  const setColumns = (next) =>
    navigate({ columns: next.join() === DEFAULT_COLUMNS.join() ? null : next }, { replace: true });
  const hiddenColumns = Object.keys(COLUMNS).filter((name) => !columns.includes(name));
  /** @type {(name: string, offset: number) => void} */
  const move = (name, offset) => {
    const next = columns.filter((other) => other !== name);
    next.splice(columns.indexOf(name) + offset, 0, name);
    setColumns(next);
  };
  return (
    <Menu title="Columns" label="Columns" icon={<Icon name="columns" />}>
      <ul class="column-list">
        {columns.map((name, index) => (
          <li key={name}>
            <label>
              <input
                type="checkbox"
                checked={true}
                disabled={columns.length === 1}
                onChange={() => setColumns(columns.filter((other) => other !== name))}
              />{" "}
              {COLUMNS[name].title}
            </label>
            <button
              type="button"
              class="plain"
              aria-label={`Move ${COLUMNS[name].title} up`}
              disabled={index === 0}
              onClick={() => move(name, -1)}
            >
              ↑
            </button>
            <button
              type="button"
              class="plain"
              aria-label={`Move ${COLUMNS[name].title} down`}
              disabled={index === columns.length - 1}
              onClick={() => move(name, 1)}
            >
              ↓
            </button>
          </li>
        ))}
        {hiddenColumns.map((name) => (
          <li key={name}>
            <label>
              <input
                type="checkbox"
                checked={false}
                onChange={() => setColumns([...columns, name])}
              />{" "}
              {COLUMNS[name].title}
            </label>
          </li>
        ))}
      </ul>
      <button
        type="button"
        class="link"
        onClick={() => navigate({ columns: null }, { replace: true })}
      >
        Reset columns
      </button>
    </Menu>
  );
}
