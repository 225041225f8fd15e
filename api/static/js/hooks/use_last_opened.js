/**
 * @file Keyboard navigation continues at the photo that was opened last.
 */
import { useEffect, useRef } from "../core/preact.js";

/**
 * @param {string | null} openId id of the open photo
 * @param {(id: string) => number} indexOf -1 for a photo that is not in the list
 * @param {(at: number, options: {focus: boolean}) => void} activate
 */
export function useLastOpened(openId, indexOf, activate) {
  const last = useRef(/** @type {string | null} */ (null));
  useEffect(() => {
    const id = openId ?? last.current;
    const at = id ? indexOf(id) : -1;
    if (at >= 0) activate(at, { focus: !openId });
    last.current = openId;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- only opening and closing a photo count
  }, [openId]);
}
