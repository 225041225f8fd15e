/**
 * @file The page's header: links to the views, search, saved views, export, theme and help.
 * @import { RefObject } from "preact"
 * @import { Api, Counts, Navigate, State, ViewName } from "../core/types"
 * @import { RequestState } from "../hooks/use_request.js"
 */
import { Icon } from "../components/icons.jsx";
import { Menu } from "../components/menu.jsx";
import { useEffect, useState } from "../core/preact.js";
import { savePreference } from "../core/preferences.js";
import { DASHBOARD_URL, settings } from "../core/settings.js";
import { href, VIEW_TITLES, VIEW_NAMES } from "../core/url_state.js";
import { ExportMenu } from "./export_menu.jsx";
import { SavedViews } from "./saved_views.jsx";
import { SearchBox } from "./search_box.jsx";

/**
 * Titles for narrow screens, which have room for all links only if they are short.
 * @type {Partial<Record<ViewName, string>>}
 */
const SHORT_TITLES = { statistics: "Stats", duplicates: "Copies", batches: "Jobs" };

/**
 * @param {object} props
 * @param {State} props.state
 * @param {Navigate} props.navigate
 * @param {Api} props.api
 * @param {RequestState<Counts | null>} props.counts
 * @param {RefObject<HTMLInputElement | null>} props.searchBox
 * @param {() => void} props.showHelp
 * @param {boolean} props.isCollapsed whether only the most important parts are shown, as on a phone while scrolling
 * @param {boolean} props.isCovered whether the filter panel covers the page, as on a narrow screen
 */
export function Header({
  state,
  navigate,
  api,
  counts,
  searchBox,
  showHelp,
  isCovered,
  isCollapsed,
}) {
  return (
    <header class={`top ${isCollapsed ? "collapsed" : ""}`} inert={isCovered}>
      <a class="brand" href="/" title={`EXIFinator ${settings.version}`}>
        <Logo />
        EXIFinator
      </a>
      <nav class="views" aria-label="Views">
        {VIEW_NAMES.map((view) => (
          <a
            key={view}
            href={href(state, { view, photo: null })}
            aria-current={view === state.view ? "page" : undefined}
          >
            <span class="long-title">{VIEW_TITLES[view]}</span>
            <span class="short-title">{SHORT_TITLES[view] ?? VIEW_TITLES[view]}</span>
          </a>
        ))}
      </nav>
      <SearchBox state={state} navigate={navigate} api={api} box={searchBox} />
      <div class="tools">
        <SavedViews state={state} api={api} />
        {state.view !== "batches" && <ExportMenu state={state} counts={counts} />}
        <Links />
        <ThemeSwitch />
        <button
          type="button"
          class="plain help-button"
          title="Help (?)"
          aria-label="Help"
          onClick={showHelp}
        >
          ?
        </button>
      </div>
    </header>
  );
}

/** The icon of the page (icon.svg), in the colours of the theme. */
function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
      <rect width="32" height="32" rx="7" />
      <circle cx="16" cy="16" r="9" stroke-width="2.5" />
      <path
        d="M16 7l4.5 7.8M25 16h-9M20.5 23.8L16 16M16 25l-4.5-7.8M7 16h9M11.5 8.200L16 16"
        stroke-width="1.6"
      />
    </svg>
  );
}

/** Links to the other pages of this installation, and its version. */
function Links() {
  return (
    <Menu title="Links" icon={<Icon name="external" />}>
      <ul class="entries">
        <li>
          <a href={DASHBOARD_URL} target="_blank" rel="noopener noreferrer">
            MRQ dashboard
          </a>
        </li>
        <li>
          <a href="/docs" target="_blank" rel="noopener">
            API documentation
          </a>
        </li>
      </ul>
      <p class="none">EXIFinator {settings.version}</p>
    </Menu>
  );
}

function ThemeSwitch() {
  const isDark = () =>
    document.documentElement.dataset.theme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const [dark, setDark] = useState(isDark);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const listener = () => setDark(isDark());
    query.addEventListener("change", listener);
    return () => query.removeEventListener("change", listener);
  }, []);
  const toggle = () => {
    const theme = dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    savePreference("theme", theme);
    setDark(!dark);
  };
  return (
    <button
      type="button"
      class="plain"
      title={dark ? "Light theme" : "Dark theme"}
      aria-label={dark ? "Light theme" : "Dark theme"}
      onClick={toggle}
    >
      <Icon name={dark ? "light" : "dark"} />
    </button>
  );
}
