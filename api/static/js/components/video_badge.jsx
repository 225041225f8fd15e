/**
 * @file Marks a video among photos: a film icon with the duration.
 * @import { PhotoFields } from "../core/types"
 */
import { formatVideoDuration } from "../core/format.js";
import { Icon } from "./icons.jsx";

/**
 * Renders nothing for a photo.
 * @param {{photo: PhotoFields}} props
 */
export function VideoBadge({ photo }) {
  if (photo.media_type !== "video") return null;
  return (
    <span class="video-badge">
      <Icon name="film" />
      <span class="visually-hidden">Video </span>
      {photo.duration_seconds && formatVideoDuration(photo.duration_seconds)}
    </span>
  );
}
