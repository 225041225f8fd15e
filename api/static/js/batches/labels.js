/**
 * @file States, counts and causes of failures in words.
 * @import { Batch, BatchNumbers } from "../core/types"
 */

/** @type {Record<string, [title: string, explanation: string]>} */
export const STATES = {
  listing: [
    "Listing",
    "The bucket is being listed; what is new or has changed is queued, and read meanwhile.",
  ],
  reading: ["Reading", "Everything is listed. The workers read what was queued."],
  cancelling: [
    "Cancelling",
    "What the workers have in hand comes to its end; nothing else is read any more.",
  ],
  done: ["Done", "Every photo of the listing has its record, or stands below as a failure."],
  cancelled: ["Cancelled", "What was read before stays. Starting it again reads the rest."],
  left: [
    "Left",
    "Whoever started it watches it no more. The workers go on with what is queued; " +
      "starting it again finds what is missing.",
  ],
  stopped: [
    "Stopped",
    "The listing broke off. Starting it again goes over it anew and skips what is stored.",
  ],
};

/** @type {[name: keyof BatchNumbers, title: string, explanation: string][]} */
export const NUMBERS = [
  ["listed", "Listed", "keys of the listing"],
  ["unchanged", "Unchanged", "stored before, and the same since"],
  ["queued", "To read", "new, changed, or failed before"],
  ["stored", "With EXIF", "records with metadata"],
  ["no_exif", "Without EXIF", "photos that carry none: recorded as such"],
  ["unsupported", "Not a photo", "not a kind of file that is read: recorded as such"],
  ["damaged", "Damaged", "broken or empty files: recorded with what is wrong"],
  ["failed", "Failed", "could not be read: below, by cause"],
];

/** @type {Record<string, string>} */
const CAUSES = {
  AccessDenied:
    "S3 refuses these credentials this object. Give them s3:GetObject on it, then requeue.",
  UntrustedServer: "The certificate of the S3 server is not one that the settings trust.",
  BucketGone: "There is no such bucket any more.",
  ObjectGone:
    "The object was listed, and was deleted before it was read. There is nothing to requeue it for.",
  ObjectChanged:
    "The object was replaced while it was being read, again and again. Requeue when nobody writes to it.",
  SourceUnavailable: "S3 did not answer, or not properly, in several tries. Requeue once it does.",
  StoreUnavailable: "MongoDB could not be reached or could not write. Requeue once it can.",
  QueueUnavailable: "Redis could not be reached, or had no memory left. Requeue once it has.",
  RecordRefused: "MongoDB takes no such record. Please report it with the file.",
  KilledWorker:
    "Reading this file ended the process that read it, each time. Please report it with the file.",
  JobTimeoutException: "Reading took longer than a job may take. Requeue when S3 is quicker.",
};

/** @param {string | null} exception */
export const explainCause = (exception) =>
  CAUSES[exception ?? ""] ?? "Its message below says what happened.";

/**
 * Return how many images of a batch are done, of how many; `part` is null while that is not known.
 * @param {Pick<Batch, "state" | "numbers">} batch
 */
export function progressOf({ state, numbers }) {
  const { stored, no_exif: noExif, unsupported, damaged, failed } = numbers;
  const done = stored + noExif + unsupported + damaged + failed;
  const total = Math.max(done, numbers.listed - numbers.folders - numbers.unchanged);
  return { done, total, part: state === "listing" || !total ? null : done / total };
}

/**
 * Split s3://bucket/prefix.
 * @param {string} source
 * @returns {[bucket: string, prefix: string]}
 */
export function splitSource(source) {
  const text = source.replace(/^s3:\/\//, "");
  const slash = text.indexOf("/");
  return slash < 0 ? [text, ""] : [text.slice(0, slash), text.slice(slash + 1)];
}
