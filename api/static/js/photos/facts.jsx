/**
 * @file Parts of a photo's summary: a name with a value, and links to the photos that share a value.
 * @import { ComponentChildren } from "preact"
 */
import { oneLine } from "../core/format.js";

export const MAX_TEXT_CHARACTERS = 1000;
const MAX_VALUES = 200;
// The API accepts values of filters up to this length.
const MAX_FILTER_CHARACTERS = 300;

/**
 * A name and a value. Renders nothing if the value is unknown.
 * @param {{name: string, children?: ComponentChildren}} props
 */
export function Fact({ name, children }) {
  const isKnown = [children]
    .flat()
    .some((child) => child !== undefined && child !== null && child !== false && child !== "");
  return isKnown ? (
    <div>
      <dt>{name}</dt>
      <dd dir="auto">{children}</dd>
    </div>
  ) : null;
}

/**
 * A name and a list of links to the photos that share each value.
 * @param {object} props
 * @param {string} props.name
 * @param {string} props.filter name of the filter
 * @param {string | string[] | undefined} props.values
 * @param {(value: string) => string} [props.format] returns the text of a link
 */
export function LinksFact({ name, filter, values, format = String }) {
  const distinct = [...new Set([values ?? []].flat().map(String))].slice(0, MAX_VALUES);
  return (
    <Fact name={name}>
      {distinct.length > 0 && (
        <ul class="keywords">
          {distinct.map((value) => (
            <li key={value}>{renderLink(filter, value, format(value))}</li>
          ))}
        </ul>
      )}
    </Fact>
  );
}

/**
 * Return a link to the photos that share a value. If the value is too long for a filter, return it as text.
 * @param {string} filter name of the filter
 * @param {string} value
 * @param {string} [shown] text of the link; the value by default
 */
export function renderLink(filter, value, shown = value) {
  const text = <bdi>{oneLine(shown, MAX_TEXT_CHARACTERS)}</bdi>;
  if ([...value].length > MAX_FILTER_CHARACTERS) return text;
  return <a href={`/?${new URLSearchParams({ [filter]: value })}`}>{text}</a>;
}

/**
 * Return a link to the photos with a phrase in one of their texts, for texts that have no filter.
 * @param {string} name of the text in a search
 * @param {string} value
 */
export function renderSearchLink(name, value) {
  const phrase = value.replace(/["“”„]/g, " ");
  return renderLink("q", `${name}:"${phrase}"`, value);
}

/** @param {string | undefined} value */
export const toText = (value) => value && oneLine(String(value), MAX_TEXT_CHARACTERS);
