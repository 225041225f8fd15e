/**
 * @file The search box: a combobox whose popup suggests filters while the user types.
 * See https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
 * @import { RefObject } from "preact"
 * @import { Api, Filters, Navigate, SearchProblem, SearchSuggestion, SearchSuggestions, State } from "../core/types"
 */
import { Icon } from "../components/icons.jsx";
import { formatShortNumber, oneLine } from "../core/format.js";
import { capitalize } from "../core/labels.js";
import { useEffect, useRef, useState } from "../core/preact.js";
import { useRefetchPartial } from "../hooks/use_refetch_partial.js";
import { useRequest } from "../hooks/use_request.js";
import { useSyncedInput } from "../hooks/use_synced_input.js";
import {
  allSuggestions,
  completed,
  groupTitle,
  indexOfOption,
  keyOf,
  nextOption,
  NO_OPTION,
  textBefore,
  toOffset,
  withAdded,
} from "./search_suggestions.js";

// The same limit as in the API.
const MAX_CHARACTERS = 300;
// Wait for a pause in typing before suggestions are requested.
const PAUSE_MS = 60;
// While the API is still counting values after its start, it responds within a second with partial suggestions.
const PARTIAL_PAUSE_MS = 300;
const MAX_PARSE_ATTEMPTS = 3;
const LIST_ID = "search-suggestions";
const PROBLEM_ID = "search-problem";
/** @param {number} index */
const optionId = (index) => `${LIST_ID}-${index}`;

/** @param {{state: State, navigate: Navigate, api: Api, box: RefObject<HTMLInputElement | null>}} props */
export function SearchBox({ state, navigate, api, box }) {
  const current = state.filters.q ?? "";
  const [text, setText] = useSyncedInput(current);
  const [isOpen, setOpen] = useState(false);
  const [reached, setReached] = useState(NO_OPTION);
  const [problem, setProblem] = useState(/** @type {SearchProblem | null} */ (null));
  const latestText = useRef(text);
  latestText.current = text;
  const isAsking = isOpen && text.trim() !== "";
  const key = isAsking ? text : "";
  const request = useRequest(
    (signal) => (isAsking ? fetchSuggestions(api, text, signal) : Promise.resolve(null)),
    key,
  );
  useRefetchPartial(request, key, PARTIAL_PAUSE_MS);
  const { data } = request;
  // While the next suggestions are loading, those of the previous text stay, but cannot be chosen.
  const isCurrent = data?.q === text;
  const options = isAsking ? allSuggestions(data) : [];
  const isExpanded = options.length > 0;
  const active = indexOfOption(options, reached);

  /** @param {string} value */
  const edit = (value) => {
    setText(value);
    setReached(NO_OPTION);
    setProblem(null);
  };

  /**
   * Search for a text. Filters that are written in it become filters of the page.
   * @param {string} value
   * @param {Record<string, string | string[]>} [added] further filters
   */
  const search = async (value, added = {}) => {
    setOpen(false);
    /** @type {SearchSuggestions | null} */
    const answer = value.trim() ? await fetchParsed(api, value) : null;
    // Discard the response if the user has continued typing.
    if (latestText.current !== text) return;
    if (answer?.problem) {
      setText(value);
      const { detail, start, end } = answer.problem;
      setProblem({ detail, start: toOffset(value, start), end: toOffset(value, end) });
      return;
    }
    // Without an answer, send the text as it is: the API reads filters in it too.
    const { q, filters } = answer?.parsed ?? { q: value.trim(), filters: {} };
    setText(q);
    const written = withAdded(state.filters, filters);
    const all = /** @type {Filters} */ ({ ...state.filters, ...written });
    navigate({
      filters: { ...written, ...withAdded(all, added), q: q || null },
      view: state.view === "batches" ? "gallery" : state.view,
    });
  };

  /** @param {SearchSuggestion} suggestion */
  const choose = (suggestion) => {
    if (!isCurrent) return;
    box.current?.focus();
    if (Object.keys(suggestion.filters).length > 0) {
      search(textBefore(text, suggestion), suggestion.filters);
    } else edit(completed(text, suggestion));
  };

  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.isComposing) return;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !event.altKey) {
      const index = nextOption(active, event.key, options.length);
      if (isExpanded) setReached({ index, key: index < 0 ? "" : keyOf(options[index]) });
      else setOpen(true);
    } else if (event.key === "Enter" && options[active]) choose(options[active]);
    else if (event.key === "Escape" && isExpanded) setOpen(false);
    else return;
    event.preventDefault();
  };

  // Clearing the search box, for example with its × button, clears the filter without Enter.
  /** @param {{currentTarget: HTMLInputElement}} event */
  const onInput = (event) => {
    edit(event.currentTarget.value);
    setOpen(true);
    if (!event.currentTarget.value && current) navigate({ filters: { q: null } });
  };

  // Select the invalid part of the text.
  useEffect(() => {
    if (problem) box.current?.setSelectionRange(problem.start, problem.end);
  }, [problem, box]);

  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        search(text);
      }}
    >
      <Icon name="search" />
      <input
        ref={box}
        type="search"
        role="combobox"
        aria-label="Search photos"
        aria-expanded={isExpanded}
        aria-controls={LIST_ID}
        aria-autocomplete="list"
        list={undefined}
        aria-activedescendant={isExpanded && active >= 0 ? optionId(active) : undefined}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? PROBLEM_ID : undefined}
        autocomplete="off"
        spellcheck={false}
        placeholder="Search names, places, cameras"
        title="Search names, places, cameras ( / )"
        maxlength={MAX_CHARACTERS}
        value={text}
        onInput={onInput}
        onKeyDown={onKeyDown}
        onBlur={() => setOpen(false)}
        enterkeyhint="search"
      />
      <kbd aria-hidden="true">/</kbd>
      <div
        id={LIST_ID}
        class="suggestions"
        role="listbox"
        aria-label="Suggestions"
        hidden={!isExpanded}
        // Keep the focus in the text box.
        onMouseDown={(event) => event.preventDefault()}
      >
        {isExpanded && data && <Options answer={data} active={active} choose={choose} />}
      </div>
      {problem && (
        <p id={PROBLEM_ID} class="search-problem" role="alert">
          {capitalize(problem.detail)}.
        </p>
      )}
    </form>
  );
}

/** @param {{answer: SearchSuggestions, active: number, choose: (suggestion: SearchSuggestion) => void}} props */
function Options({ answer, active, choose }) {
  let index = -1;
  return answer.groups.map(({ name, suggestions }) => (
    <div key={name} role="group" aria-labelledby={`${LIST_ID}-${name}`}>
      <div id={`${LIST_ID}-${name}`} class="group" role="presentation">
        {groupTitle(name)}
      </div>
      {suggestions.map((suggestion) => {
        index += 1;
        const { text, count } = suggestion;
        return (
          <Option
            key={keyOf(suggestion)}
            id={optionId(index)}
            isActive={index === active}
            text={text}
            count={count}
            choose={() => choose(suggestion)}
          />
        );
      })}
    </div>
  ));
}

/** @param {{id: string, isActive: boolean, text: string, count: number | null, choose: () => void}} props */
function Option({ id, isActive, text, count, choose }) {
  const element = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    if (isActive) element.current?.scrollIntoView({ block: "nearest" });
  }, [isActive]);
  return (
    <div
      ref={element}
      id={id}
      class="option"
      role="option"
      aria-selected={isActive}
      onClick={choose}
    >
      <bdi class="text">{oneLine(text, 120)}</bdi>
      {count !== null && (
        <span class="count">
          {formatShortNumber(count)}
          <span class="visually-hidden"> {count === 1 ? "photo" : "photos"}</span>
        </span>
      )}
    </div>
  );
}

/**
 * Fetch suggestions after a pause in typing.
 * @param {Api} api
 * @param {string} q
 * @param {AbortSignal} signal
 * @returns {Promise<SearchSuggestions & {q: string} | null>}
 */
async function fetchSuggestions(api, q, signal) {
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  if (signal.aborted) return null;
  return { ...(await api.get("/suggestions", { q }, { signal })), q };
}

/**
 * Return the meaning of a text, or null if the API does not respond.
 * @param {Api} api
 * @param {string} q
 * @returns {Promise<SearchSuggestions | null>}
 */
async function fetchParsed(api, q) {
  /** @type {SearchSuggestions | null} */
  let answer = null;
  for (let attempt = 0; attempt < MAX_PARSE_ATTEMPTS; attempt++) {
    answer = await api.get("/suggestions", { q }).catch(() => null);
    if (!answer?.partial) break;
  }
  return answer;
}
