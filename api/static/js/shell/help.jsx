/**
 * @file Help: the keys, and how search works.
 */
import { Dialog } from "../components/dialog.jsx";

const KEYS = [
  ["/", "Search"],
  ["1 … 5", "Gallery, table, map, statistics, batches"],
  ["f", "Show or hide the filters"],
  ["← → ↑ ↓", "Go from photo to photo; move the end of a range"],
  ["Home, End", "First and last photo that is loaded"],
  ["Enter", "Open the photo"],
  ["← →", "In a photo: the one before and the one after"],
  ["Esc", "Close what is open"],
  ["?", "This help"],
];

/** @param {{close: () => void}} props */
export function Help({ close }) {
  return (
    <Dialog title="Keys" close={close} kind="help">
      <dl class="keys">
        {KEYS.map(([key, action]) => (
          <div key={key + action}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{action}</dd>
          </div>
        ))}
      </dl>
      <p>
        Words in the search box stand in the description, the keywords or the key of a photo; all of
        them have to.
      </p>
      <p>
        Whatever you see has its address: bookmark it, send it on, go back. The{" "}
        <a href="/docs" target="_blank" rel="noopener">
          API
        </a>{" "}
        takes the same filters.
      </p>
    </Dialog>
  );
}
