/**
 * @file Describes the states, counts and failures of batches, the schedule, and the events of S3 servers.
 * @import { Batch, BatchNumbers, EventCounts, ScheduledSource, SourcePatterns } from "../core/types"
 */
import {
  formatBytes,
  formatDollars,
  formatDuration,
  formatNumber,
  formatPercent,
  pluralize,
} from "../core/format.js";
import { STATUS_LABELS } from "../core/labels.js";

/**
 * What to show for each of the API's states of a batch.
 * @type {Record<string, [title: string, explanation: string]>}
 */
export const STATE_LABELS = {
  listing: ["Listing", "Listing the bucket and indexing new and changed photos."],
  reading: ["Indexing", "The listing is complete. Workers are indexing the queued photos."],
  cancelling: ["Cancelling", "Finishing photos in progress; no new ones will be started."],
  done: ["Done", "All photos were indexed. Failures, if any, are listed below."],
  cancelled: ["Cancelled", "Photos already indexed are kept. Start again to index the rest."],
  left: [
    "Detached",
    "The process that started this job has exited; workers continue with what is queued. " +
      "Start again to index whatever is missing.",
  ],
  stopped: [
    "Interrupted",
    "Stopped before all photos were indexed. Start again to resume; indexed photos are skipped.",
  ],
};

const RUNNING_STATES = new Set(["listing", "reading", "cancelling"]);

/**
 * Return how much a batch has downloaded, and what it cost unless that is zero or unknown.
 * @param {BatchNumbers} numbers
 */
export function describeDownload({ bytes_read, requests, dollars = 0 }) {
  const download = `${formatBytes(bytes_read)} in ${pluralize(requests, "request")}`;
  return dollars > 0 ? `${download}, ${formatDollars(dollars)}` : download;
}

/**
 * The counts that are shown for every batch, in this order.
 * @type {[name: keyof BatchNumbers, title: string, explanation: string][]}
 */
const COUNT_LABELS = [
  ["listed", "Listed", "objects in the listing"],
  ["excluded", "Excluded", "left out by patterns, or junk such as Thumbs.db"],
  ["unchanged", "Unchanged", "already up to date"],
  ["queued", "Queued", "new, changed, or failed before"],
  ["stored", STATUS_LABELS.ok, "photos with EXIF"],
  ["no_exif", STATUS_LABELS.no_exif, "photos without EXIF (recorded)"],
  ["unsupported", STATUS_LABELS.unsupported, "not a supported image (recorded)"],
  ["damaged", STATUS_LABELS.damaged, "broken or empty files (recorded with the problem)"],
  ["failed", "Failed", "could not be indexed; listed below by cause"],
];

/**
 * A count that is shown only if there are such files.
 * @type {[name: keyof BatchNumbers, title: string, explanation: string]}
 */
const DELETED_LABEL = ["deleted", "Deleted", "deleted in S3 before they were indexed"];

/**
 * Return the counts to show for a batch.
 * @param {BatchNumbers} numbers
 */
export const countLabels = (numbers) =>
  numbers.deleted ? [...COUNT_LABELS, DELETED_LABEL] : COUNT_LABELS;

/**
 * What to show for each exception of a failed job: the classes in exifinator/errors.py that a job can fail with, and
 * MRQ's JobTimeoutException.
 * @type {Record<string, [title: string, hint: string]>}
 */
export const CAUSE_LABELS = {
  AccessDenied: [
    "Access denied",
    "S3 denies these credentials access to the file. Grant them s3:GetObject, then retry.",
  ],
  CredentialsRefused: [
    "Credentials rejected",
    "S3 rejects the credentials, or they cannot be fetched: they are missing, unknown, wrong or expired. " +
      "Correct them or sign in again, then retry.",
  ],
  UntrustedServer: [
    "Untrusted server certificate",
    "The S3 server's certificate is not trusted, or belongs to another host. " +
      "Check S3_ENDPOINT_URL and S3_CA_FILE, then retry.",
  ],
  WrongEndpoint: [
    "Wrong server",
    "The S3 server redirects to another server. Set S3_ENDPOINT_URL to that server, then retry.",
  ],
  WrongRegion: [
    "Wrong region",
    "The bucket is in another region. Set AWS_REGION to the bucket's region, then retry.",
  ],
  BucketGone: [
    "Bucket not found",
    "The bucket no longer exists. Retrying won't help unless it is created again.",
  ],
  InvalidBucketName: [
    "Invalid bucket name",
    "No bucket can have this name. Start a new job with the correct name.",
  ],
  IncompleteListing: [
    "Incomplete listing",
    "The S3 server does not list the whole bucket. Update the server, or ask its operator.",
  ],
  ObjectGone: ["File deleted during indexing", "Retrying won't help; the file no longer exists."],
  ObjectArchived: [
    "File archived",
    "The file is in an archive storage class. Restore it in S3, then retry.",
  ],
  EncryptedObject: [
    "File cannot be decrypted",
    "Its KMS key is disabled, or these credentials may not use it. Enable the key, then retry. " +
      "For files with a customer-provided key (SSE-C), set S3_SSE_C_KEY.",
  ],
  ObjectChanged: [
    "File changed during indexing",
    "The file was replaced each time it was read. Retry when nothing is writing to it.",
  ],
  SourceUnavailable: [
    "S3 unavailable",
    "S3 did not respond, or returned errors, in several attempts. Retry when it is available again.",
  ],
  ClockSkew: [
    "Clock out of sync",
    "S3 rejects requests because this machine's clock is wrong. Set the clock, then retry.",
  ],
  FolderUnavailable: [
    "Folder unavailable",
    "The worker's machine does not have the folder. Mount its drive, or run workers where the folder is, then retry.",
  ],
  StoreUnavailable: [
    "MongoDB unavailable",
    "MongoDB could not be reached, or could not write. Retry when it is available again.",
  ],
  QueueUnavailable: [
    "Redis unavailable",
    "Redis could not be reached, or had no memory left. Retry when it is available again.",
  ],
  MetadataNotQueued: [
    "Metadata could not be queued",
    "Redis failed each time it was sent this file's metadata, perhaps because of its size. Check Redis, then retry.",
  ],
  RecordRefused: [
    "Record rejected by MongoDB",
    "MongoDB rejected the record. Please report this, with the file.",
  ],
  KilledWorker: [
    "File could not be processed",
    "Every attempt to read this file crashed the process or exceeded the time limit. " +
      "Please report this, with the file.",
  ],
  TransientError: ["Temporary failure", "Retry. The message below has the details."],
  PermanentError: ["S3 rejected the request", "The message below has the details."],
  JobTimeoutException: [
    "Timed out",
    "Indexing took longer than a job may take. Retry when S3 responds faster.",
  ],
};

/**
 * Return a heading and a hint for the failures with an exception.
 * @param {string | null} exception
 */
export function describeCause(exception) {
  if (exception === null || !Object.hasOwn(CAUSE_LABELS, exception)) {
    const hint = "The message below says what happened.";
    return { title: exception ?? "Unknown cause", hint, canRetry: true };
  }
  const [title, hint] = CAUSE_LABELS[exception];
  return { title: `${title} (${exception})`, hint, canRetry: exception !== "ObjectGone" };
}

/**
 * Return the number of processed images, and the number of images to process. `fraction` is null until the listing is
 * complete.
 * @param {Pick<Batch, "state" | "numbers">} batch
 */
export function progressOf({ state, numbers }) {
  const { stored, no_exif: noExif, unsupported, damaged, failed, deleted = 0 } = numbers;
  const done = stored + noExif + unsupported + damaged + failed + deleted;
  const total = Math.max(
    done,
    numbers.listed -
      numbers.folders -
      (numbers.excluded ?? 0) -
      numbers.unchanged -
      (numbers.archived ?? 0),
  );
  return { done, total, fraction: state === "listing" || !total ? null : done / total };
}

/**
 * Return the progress of running batches, such as 42%. While one of them is being listed, the total is unknown.
 * @param {readonly Pick<Batch, "state" | "numbers">[]} running
 */
export function describeProgress(running) {
  if (!running.length) return null;
  const all = running.map(progressOf);
  const done = all.reduce((sum, batch) => sum + batch.done, 0);
  const total = all.reduce((sum, batch) => sum + batch.total, 0);
  if (all.some(({ fraction }) => fraction === null)) return `${formatNumber(done)} indexed`;
  // Rounded down, so that 100% means finished.
  return formatPercent(Math.floor((done * 100) / total) / 100);
}

/**
 * Return whether images of a batch are still being indexed, or are waiting for it.
 * @param {Pick<Batch, "state" | "numbers">} batch
 */
export function isRunning(batch) {
  if (RUNNING_STATES.has(batch.state)) return true;
  const { done, total } = progressOf(batch);
  return batch.state === "left" && done < total;
}

/**
 * Return the label of a batch's state, and its CSS class. A batch that has listed nothing was probably given a wrong
 * name.
 * @param {Pick<Batch, "state" | "numbers">} batch
 * @returns {[label: string, kind: string]}
 */
export function stateLabel({ state, numbers }) {
  if (state === "done" && numbers.listed === 0) return ["Nothing found", "empty"];
  return [STATE_LABELS[state]?.[0] ?? state, state];
}

/**
 * Return the patterns of a source as text, such as "only *.jpg, *.heic; not drafts/".
 * @param {Pick<SourcePatterns, "include" | "exclude">} patterns
 */
export function describePatterns({ include, exclude }) {
  const only = include.length ? [`only ${include.join(", ")}`] : [];
  const not = exclude.length ? [`not ${exclude.join(", ")}`] : [];
  return [...only, ...not].join("; ");
}

// The ARN of an access point, which the API writes with slashes.
const ACCESS_POINT = /^arn:[^/]+:(?:accesspoint|outpost\/[^/]+\/accesspoint)\/[^/]+/;

/**
 * Split a source such as s3://bucket/prefix.
 * @param {string} source
 * @returns {[bucket: string, prefix: string]}
 */
export function splitSource(source) {
  const text = source.replace(/^s3:\/\//, "");
  const bucket = ACCESS_POINT.exec(text)?.[0] ?? text.split("/", 1)[0];
  return [bucket, text.slice(bucket.length + 1)];
}

/** @type {Record<string, string>} */
const UNITS = { m: "minute", h: "hour", d: "day", w: "week" };
// Workers check the schedule every 30 seconds.
const OVERDUE_MS = 5 * 60_000;

/**
 * Return when a scheduled source is indexed, such as "Every 6 hours from 02:00 (UTC)".
 * @param {Pick<ScheduledSource, "every" | "at" | "timezone">} entry
 */
export function describeInterval({ every, at, timezone }) {
  const count = Number(every.slice(0, -1));
  const unit = UNITS[every.slice(-1)];
  const interval = `Every ${count === 1 ? unit : pluralize(count, unit)}`;
  if (!at) return interval;
  return `${interval} ${unit === "day" || unit === "week" ? "at" : "from"} ${at} (${timezone})`;
}

/**
 * Return whether no worker has started a batch that is due.
 * @param {Pick<ScheduledSource, "next_at">} entry
 * @param {number} [now] in milliseconds since 1970
 */
export const isOverdue = ({ next_at: nextAt }, now = Date.now()) =>
  now - Date.parse(nextAt) > OVERDUE_MS;

/**
 * The counts of events to show, in this order. The last two are shown only if there are such events.
 * @type {[name: Exclude<keyof EventCounts, "lag_seconds">, title: string, explanation: string][]}
 */
const EVENT_LABELS = [
  ["received", "Events", "notifications of changed files"],
  ["queued", "Indexed", "new and changed files"],
  ["removed", "Removed", "deleted files, whose photos were removed from the library"],
  ["unchanged", "Duplicate", "files that were already up to date"],
  ["ignored", "Ignored", "changes of files that are not indexed"],
  ["failed", "Retried", "could not be applied, and are delivered again"],
  ["malformed", "Malformed", "messages that are not notifications"],
];

/**
 * Return the counts of events to show, and how long it took to apply the events.
 * @param {EventCounts} events
 */
export function describeEvents(events) {
  const counts = EVENT_LABELS.map(([name, title, explanation]) => ({
    name,
    title,
    explanation,
    count: events[name],
  })).filter(({ name, count }) => count || !["failed", "malformed"].includes(name));
  const seconds = events.lag_seconds;
  if (seconds === null) return { counts, lag: "" };
  const delay = seconds < 10 ? `${Math.round(10 * seconds) / 10} s` : formatDuration(seconds);
  return { counts, lag: `Applied ${delay} after the change, on average.` };
}
