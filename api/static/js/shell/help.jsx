/**
 * @file Help dialog: keyboard shortcuts, and how search works.
 */
import { Dialog } from "../components/dialog.jsx";
import { VIEW_NAMES, VIEW_TITLES } from "../core/url_state.js";

const SHORTCUTS = [
  ["/", "Search"],
  [`1 – ${VIEW_NAMES.length}`, VIEW_NAMES.map((view) => VIEW_TITLES[view]).join(", ")],
  ["f", "Show or hide filters"],
  ["← → ↑ ↓", "Move between photos; move the end of a range"],
  ["Home, End", "First and last loaded photo"],
  ["Enter", "Open the photo"],
  ["x, Shift+x", "In the gallery: select a photo, or all photos up to it"],
  ["← →", "In an open photo: previous and next photo"],
  ["f", "In an open photo: view it full screen"],
  ["+ − 0 1", "In the viewer: zoom in, zoom out, whole picture, full resolution"],
  ["Space", "In the viewer: start or pause the slideshow"],
  ["Esc", "Close the photo, dialog or menu"],
  ["?", "Show this help"],
];

const SEARCHES = [
  ['"old town"', "These words, next to each other"],
  ["-tram", "Not this word"],
  ["camera:x-t4 iso:800-", "Filters; Enter turns them into filters of the page"],
  ["title:beach", "A word of the title"],
];

// On touch-only devices, the stylesheet hides the shortcuts, so the title does not mention them.
const TOUCH_ONLY = matchMedia("(hover: none) and (pointer: coarse)");

/** @param {{close: () => void}} props */
export function Help({ close }) {
  return (
    <Dialog title={TOUCH_ONLY.matches ? "Help" : "Keyboard shortcuts"} close={close} kind="help">
      <dl class="keys">
        {SHORTCUTS.map(([key, action]) => (
          <div key={key + action}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{action}</dd>
          </div>
        ))}
      </dl>
      <p>
        Search matches titles, descriptions, keywords, people, places, cameras, lenses and file
        paths. All words must match; a word also finds longer words that begin with it.
      </p>
      <dl class="keys">
        {SEARCHES.map(([text, meaning]) => (
          <div key={text}>
            <dt>
              <code>{text}</code>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <p>
        Every view has its own URL: bookmark or share it. The{" "}
        <a href="/docs" target="_blank" rel="noopener">
          API
        </a>{" "}
        accepts the same filters.
      </p>
      <p class="muted">
        Place names: GeoNames, CC BY 4.0, changed. Time zones: © OpenStreetMap contributors, ODbL
        1.0. Map outlines: Natural Earth.
      </p>
    </Dialog>
  );
}
