/**
 * @file The titles of a table's columns.
 * @import { ComponentChildren } from "preact"
 */

/**
 * The explicit roles keep the table a table where styles change how its rows are displayed.
 * @param {{columns: [title: ComponentChildren, kind?: string][]}} props kind: the CSS class of the column's title
 */
export function TableHead({ columns }) {
  return (
    <thead role="rowgroup">
      <tr role="row">
        {columns.map(([title, kind], index) => (
          <th key={index} role="columnheader" scope="col" class={kind}>
            {title}
          </th>
        ))}
      </tr>
    </thead>
  );
}
