/**
 * @file Makes keyboard navigation in a list continue at the photo that was opened last.
 */
import { useEffect, useRef } from "../core/preact.js";

/**
 * When a photo is opened, scroll the list to it. When it is closed, focus it in the list too.
 * @param {string | null} openId id of the open photo, or null
 * @param {(id: string) => number} indexOf returns a photo's index, or -1 if it is not in the list
 * @param {(index: number, options: {focus: boolean}) => void} activate see useRovingFocus
 */
export function useLastOpened(openId, indexOf, activate) {
  const lastId = useRef(/** @type {string | null} */ (null));
  useEffect(() => {
    const id = openId ?? lastId.current;
    const index = id ? indexOf(id) : -1;
    if (index >= 0) activate(index, { focus: !openId });
    lastId.current = openId;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- runs only when a photo is opened or closed
  }, [openId]);
}
