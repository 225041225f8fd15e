/**
 * @file Which pictures of a photo the viewer tries, best first.
 * @import { Photo, Settings } from "../core/types"
 */

/** Formats that all current browsers show. */
const SHOWN = new Set(["jpeg", "png", "gif", "webp", "avif", "bmp", "ico"]);
/** Formats that some browsers show. */
const SHOWN_BY_SOME = new Set(["heic", "heif", "jxl", "tiff", "jp2"]);
/** Formats of videos that a browser may play. Whether it can depends on the codec. */
const PLAYABLE = new Set(["mp4", "mov", "m4v", "webm", "mkv", "3gp", "3g2"]);

/** Formats of videos in which the API finds covers and the pictures of cameras. */
const COVERED = new Set(["mp4", "mov", "m4v", "3gp", "3g2"]);

/** @typedef {"original" | "preview" | "thumbnail"} SourceKind */

/**
 * Return whether a record is of a video that a browser may be able to play.
 * @param {Pick<Photo, "format">} record
 */
export const isPlayable = ({ format }) => PLAYABLE.has(format ?? "");

/**
 * Return whether the API can make previews of a format. Of a video, it can only show the cover.
 * @param {Pick<Photo, "format"> & Partial<Pick<Photo, "photo">>} record
 */
const hasPreviews = (record) =>
  COVERED.has(record.format ?? "") || !(isPlayable(record) || record.photo?.media_type === "video");

/**
 * Return the kinds of pictures to try, best first.
 * @param {Pick<Photo, "format" | "thumbnail"> & Partial<Pick<Photo, "photo">>} record
 * @param {Pick<Settings, "sign_originals" | "makes_previews">} settings
 * @returns {SourceKind[]}
 */
export function sourcesOf(record, { sign_originals, makes_previews }) {
  /** @type {SourceKind[]} */
  const kinds = [];
  const name = record.format ?? "";
  if (sign_originals && (SHOWN.has(name) || PLAYABLE.has(name))) kinds.push("original");
  if (makes_previews && hasPreviews(record)) kinds.push("preview");
  if (sign_originals && SHOWN_BY_SOME.has(name)) kinds.push("original");
  if (record.thumbnail) kinds.push("thumbnail");
  return kinds;
}

/**
 * Return whether the API may be able to make a preview of a photo, or has the cover of a video.
 * @param {Pick<Photo, "format" | "status"> & Partial<Pick<Photo, "photo">>} record
 * @param {Pick<Settings, "makes_previews">} settings
 */
export const canHavePreview = (record, { makes_previews }) =>
  makes_previews && hasPreviews(record) && (record.status === "ok" || record.status === "no_exif");

/** @type {Record<string, string>} */
const REASONS = {
  no_preview: "No preview",
  previews_disabled: "Previews are off",
  preview_too_large: "Too large for a preview",
  preview_damaged: "Picture is damaged",
  original_gone: "File no longer exists",
  original_changed: "File changed after indexing",
  original_archived: "File is archived",
  originals_disabled: "Originals are off",
  access_denied: "Access denied",
  bucket_gone: "Bucket no longer exists",
  s3_unavailable: "Can't reach the storage",
  cannot_sign: "No usable S3 credentials",
  too_many_previews: "Server is busy",
  unreachable: "Can't reach the server",
  not_shown: "This browser can't show the original",
  not_played: "This browser can't play the video",
};

/**
 * Return why a picture is missing, in a few words.
 * @param {string | null} code the API's name for the cause
 */
export const reasonOf = (code) => REASONS[code ?? ""] ?? "Couldn't load the picture";
