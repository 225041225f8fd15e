/**
 * @file Makes keyboard navigation continue at the photo that was opened last.
 */
import { useEffect, useRef } from "../core/preact.js";

/**
 * @param {string | null} openId id of the open photo
 * @param {(id: string) => number} indexOf -1 for a photo that is not in the list
 * @param {(index: number, options: {focus: boolean}) => void} activate
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
