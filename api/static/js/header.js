// The name, the views, the search, and what belongs to the whole page.
import { html, useEffect, useState } from "./html.js";
import { ExportMenu } from "./export.js";
import { Icon } from "./icons.js";
import { SavedViews } from "./saved.js";
import { href, TITLES, VIEWS } from "./state.js";
import { useTyped } from "./typed.js";

export function Header({ state, navigate, found, searchBox, showHelp, isCovered }) {
  return html`<header class="top" inert=${isCovered}>
    <a class="brand" href="/">EXIFinator</a>
    <nav class="views" aria-label="Views">
      ${VIEWS.map((view) => html`<a key=${view} href=${href(state, { view, photo: null })} aria-current=${view === state.view ? "page" : undefined}>${TITLES[view]}</a>`)}
    </nav>
    <${Search} state=${state} navigate=${navigate} box=${searchBox} />
    <div class="tools">
      <${SavedViews} state=${state} />
      ${state.view !== "batches" && html`<${ExportMenu} state=${state} found=${found} />`}
      <${ThemeSwitch} />
      <button type="button" class="plain help-button" title="Help (?)" aria-label="Help" onClick=${showHelp}>?</button>
    </div>
  </header>`;
}

function Search({ state, navigate, box }) {
  const given = state.filters.q ?? "";
  const [text, setText] = useTyped(given);
  const submit = (event) => {
    event.preventDefault();
    navigate({ filters: { q: text.trim() || null }, view: state.view === "batches" ? "gallery" : state.view });
  };
  // The x of the box empties it without Enter.
  const onInput = (event) => {
    setText(event.target.value);
    if (!event.target.value && given) navigate({ filters: { q: null } });
  };
  return html`<form class="search" role="search" onSubmit=${submit}>
    <${Icon} name="search" />
    <input ref=${box} type="search" aria-label="Search by words" placeholder="Search words" title="Words of the description, keywords and key ( / )" maxlength="200" value=${text} onInput=${onInput} enterkeyhint="search" />
    <kbd aria-hidden="true">/</kbd>
  </form>`;
}

function ThemeSwitch() {
  const isDark = () => document.documentElement.dataset.theme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const [dark, setDark] = useState(isDark);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const listener = () => setDark(isDark());
    query.addEventListener("change", listener);
    return () => query.removeEventListener("change", listener);
  }, []);
  const flip = () => {
    const theme = dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("explorer.theme", theme);
    } catch {
      // Then it holds until the page is left.
    }
    setDark(!dark);
    dispatchEvent(new Event("themechange"));
  };
  return html`<button type="button" class="plain" title=${dark ? "Light theme" : "Dark theme"} aria-label=${dark ? "Light theme" : "Dark theme"} onClick=${flip}><${Icon} name=${dark ? "light" : "dark"} /></button>`;
}
