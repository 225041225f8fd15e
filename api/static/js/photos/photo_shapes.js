/**
 * @file The data by which photos are laid out, 8 bytes for each photo.
 * @import { Photo } from "../core/types"
 */
import { dayNumber } from "./date_headings.js";

const INITIAL_LENGTH = 100;
/** Aspect ratio for photos of unknown size: that of most cameras. */
const DEFAULT_ASPECT = 1.5;

/** The aspect ratios and days of the photos of a list. */
export class PhotoShapes {
  constructor() {
    /** Number of photos. */
    this.count = 0;
    /** Aspect ratios of all photos; only the first `count` are set. */
    this.aspects = new Float32Array(INITIAL_LENGTH);
    /** Days of all photos, as numbers; see dayNumber. */
    this.days = new Uint32Array(INITIAL_LENGTH);
  }

  /**
   * Append the shapes of photos. Double the arrays if they are full.
   * @param {Photo[]} photos
   */
  append(photos) {
    if (this.count + photos.length > this.aspects.length) {
      const { aspects, days } = this;
      this.allocate(aspects.length * 2 + INITIAL_LENGTH);
      this.aspects.set(aspects);
      this.days.set(days);
    }
    for (const photo of photos) {
      this.aspects[this.count] = aspectOf(photo);
      this.days[this.count] = dayNumber(photo);
      this.count += 1;
    }
  }

  /**
   * Insert the shapes of photos before the others.
   * @param {Photo[]} photos
   */
  prepend(photos) {
    const { aspects, days, count } = this;
    this.allocate(count + photos.length + INITIAL_LENGTH);
    this.count = 0;
    this.append(photos);
    this.aspects.set(aspects.subarray(0, count), photos.length);
    this.days.set(days.subarray(0, count), photos.length);
    this.count += count;
  }

  /** @param {number} length */
  allocate(length) {
    this.aspects = new Float32Array(length);
    this.days = new Uint32Array(length);
  }
}

/**
 * Return the aspect ratio (width divided by height) at which a photo is shown. Very wide and very tall photos are
 * cropped.
 * @param {Photo} photo
 */
export function aspectOf({ photo: { width_pixels: width = 0, height_pixels: height = 0 } }) {
  return width > 0 && height > 0 ? Math.min(3.2, Math.max(0.45, width / height)) : DEFAULT_ASPECT;
}
