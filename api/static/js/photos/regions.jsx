/**
 * @file Named boxes over a photo's thumbnail: faces and other marked areas.
 * @import { PhotoFields } from "../core/types"
 */
import { oneLine } from "../core/format.js";

const MAX_REGIONS = 100;

/**
 * @typedef {{x: number, y: number, w: number, h: number}} Area centre and size, as fractions of an image's sides
 */

// Convert a point of the stored image to a point of the displayed image, by the value of the Orientation tag.
/** @type {Record<number, (x: number, y: number) => [number, number]>} */
const ROTATIONS = {
  1: (x, y) => [x, y],
  2: (x, y) => [1 - x, y],
  3: (x, y) => [1 - x, 1 - y],
  4: (x, y) => [x, 1 - y],
  5: (x, y) => [y, x],
  6: (x, y) => [1 - y, x],
  7: (x, y) => [1 - y, 1 - x],
  8: (x, y) => [y, 1 - x],
};

/**
 * Convert an area of the stored image to an area of the displayed image.
 * @param {Area} area
 * @param {number} [orientation] value of the Orientation tag
 * @returns {Area}
 */
export function rotateArea({ x, y, w, h }, orientation = 1) {
  const [rotatedX, rotatedY] = (ROTATIONS[orientation] ?? ROTATIONS[1])(x, y);
  const isSideways = orientation >= 5 && orientation <= 8;
  return { x: rotatedX, y: rotatedY, w: isSideways ? h : w, h: isSideways ? w : h };
}

/**
 * Boxes around the regions that have an area. Areas refer to the image as it is stored, before it is rotated.
 * @param {{photo: PhotoFields}} props
 */
export function Regions({ photo }) {
  const regions = (photo.regions ?? []).slice(0, MAX_REGIONS);
  if (!regions.some(({ area }) => isDrawable(area))) return null;
  return (
    <ul class="regions" aria-label="Marked areas">
      {regions.map(({ name, type, area }, index) => {
        if (!area || !isDrawable(area)) return null;
        const { x, y, w, h } = rotateArea(area, photo.orientation);
        const label = oneLine(name || type || "Area", 80);
        return (
          <li
            key={index}
            title={label}
            style={{
              left: `${(x - w / 2) * 100}%`,
              top: `${(y - h / 2) * 100}%`,
              width: `${w * 100}%`,
              height: `${h * 100}%`,
            }}
          >
            <span>{label}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** @param {Area | undefined} area */
const isDrawable = (area) =>
  Boolean(area && [area.x, area.y, area.w, area.h].every((side) => side >= 0 && side <= 1));
