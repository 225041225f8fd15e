/**
 * @file The selected photos of the current result, in the order of the result.
 * @import { Photo } from "../core/types"
 */
import { useEffect, useState } from "../core/preact.js";

/** The API exports at most this many photos by id. */
export const MAX_SELECTED = 1000;

/**
 * @typedef {Pick<Photo, "id"> & Partial<Pick<Photo, "bucket" | "key" | "photo">>} Item
 */

/** The selected photos. */
export class Selection {
  constructor() {
    /**
     * The photos and their indexes in the result, by id.
     * @type {Map<string, {index: number, item: Item}>}
     */
    this.items = new Map();
    /**
     * Index of the photo that was selected or deselected last. A range begins there.
     * @type {number | null}
     */
    this.anchor = null;
    /** Whether photos were left out because of MAX_SELECTED. */
    this.isFull = false;
    /** @type {Set<() => void>} */
    this.listeners = new Set();
  }

  get count() {
    return this.items.size;
  }

  /** The photos, in the order of the result. */
  get photos() {
    return [...this.items.values()].sort((a, b) => a.index - b.index).map(({ item }) => item);
  }

  /** The ids, in the order of the result. */
  get ids() {
    return this.photos.map(({ id }) => id);
  }

  /** @param {string | undefined} id */
  has(id) {
    return id !== undefined && this.items.has(id);
  }

  /**
   * Select a photo, or deselect it if it is selected.
   * @param {number} index
   * @param {Item} item
   */
  toggle(index, item) {
    this.isFull = false;
    if (!this.items.delete(item.id)) this.add(index, item);
    this.anchor = index;
    this.notify();
  }

  /**
   * Select the photos from the anchor to an index.
   * @param {number} index
   * @param {(index: number) => Item | null} itemAt
   */
  extend(index, itemAt) {
    const start = this.anchor ?? index;
    const step = index < start ? -1 : 1;
    this.isFull = false;
    for (let at = start; at !== index + step && !this.isFull; at += step) {
      const item = itemAt(at);
      if (item) this.add(at, item);
    }
    this.anchor = index;
    this.notify();
  }

  /**
   * @param {number} index
   * @param {Item} item
   */
  add(index, item) {
    if (this.items.has(item.id)) return;
    if (this.items.size < MAX_SELECTED) this.items.set(item.id, { index, item });
    else this.isFull = true;
  }

  clear() {
    this.items.clear();
    this.anchor = null;
    this.isFull = false;
    this.notify();
  }

  notify() {
    for (const listener of this.listeners) listener();
  }
}

/**
 * Return the selection of a result, and render again when it changes. Another result has another selection.
 * @param {object} result
 * @returns {Selection}
 */
export function useSelection(result) {
  const selection = selectionOf(result);
  const [, setVersion] = useState(0);
  useEffect(() => {
    const listener = () => setVersion((last) => last + 1);
    selection.listeners.add(listener);
    return () => void selection.listeners.delete(listener);
  }, [selection]);
  return selection;
}

// Whether a tap selects a photo even if none is selected yet. Devices that cannot hover have a button for this mode.
let isSelecting = false;
/** @type {Set<(isOn: boolean) => void>} */
const modeListeners = new Set();

/** @param {boolean} isOn */
export function setSelecting(isOn) {
  isSelecting = isOn;
  for (const listener of modeListeners) listener(isOn);
}

/** Return whether a tap selects, and render again when this changes. */
export function useSelecting() {
  const [isOn, setOn] = useState(isSelecting);
  useEffect(() => {
    modeListeners.add(setOn);
    return () => void modeListeners.delete(setOn);
  }, []);
  return isOn;
}

/** @type {WeakMap<object, Selection>} */
const selections = new WeakMap();

/** @param {object} result */
function selectionOf(result) {
  let selection = selections.get(result);
  if (!selection) selections.set(result, (selection = new Selection()));
  return selection;
}
