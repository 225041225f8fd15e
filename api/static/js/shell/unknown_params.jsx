/**
 * @file A notice that the URL has filters that the explorer does not know, as in a view that another version saved.
 * @import { Navigate, State } from "../core/types"
 */
import { Fragment } from "../core/preact.js";
import { unknownParams } from "../core/url_state.js";

// Enough to recognize a parameter, and to show the notice on a phone.
const MAX_CHARS = 40;
const MAX_NAMES = 5;

/** @param {{state: State, navigate: Navigate}} props */
export function UnknownParams({ state, navigate }) {
  const names = unknownParams(state);
  if (names.length === 0) return null;
  const remove = () =>
    navigate(
      { viewParams: Object.fromEntries(names.map((name) => [name, null])) },
      { replace: true },
    );
  return (
    <p class="new-photos" role="status">
      {names.length === 1 ? "This filter does not exist" : "These filters do not exist"} and{" "}
      {names.length === 1 ? "is" : "are"} ignored:{" "}
      {names.slice(0, MAX_NAMES).map((name, index) => (
        <Fragment key={name}>
          {index > 0 && ", "}
          <bdi>{name.length > MAX_CHARS ? `${name.slice(0, MAX_CHARS)}…` : name}</bdi>
        </Fragment>
      ))}
      {names.length > MAX_NAMES && ", …"}.{" "}
      <button type="button" class="link" onClick={remove}>
        Remove
      </button>
    </p>
  );
}
