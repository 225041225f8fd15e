/** Batches, their counts, the schedule and the events of S3 servers, as the API returns them. */

export interface BatchNumbers {
  listed: number;
  folders: number;
  excluded?: number;
  archived?: number;
  deleted?: number;
  unchanged: number;
  queued: number;
  stored: number;
  no_exif: number;
  unsupported: number;
  damaged: number;
  failed: number;
  bytes_read: number;
  requests: number;
  list_requests?: number;
  /** What all requests and the traffic cost; 0 if the prices are unknown. */
  dollars?: number;
  seconds: number;
}

/** The patterns by which the objects of a source are chosen. */
export interface SourcePatterns {
  source: string;
  include: string[];
  exclude: string[];
}

export interface Batch {
  id: string;
  state: string;
  sources: string[];
  /** The patterns of each source that has patterns. */
  patterns?: SourcePatterns[];
  numbers: BatchNumbers;
  /** Images per second. */
  rate: number | null;
  seconds_left: number | null;
  started_at: string;
  problem?: string | null;
  /** What was removed after a scheduled batch with `prune`. */
  pruned?: { records: number; failed_jobs: number; problem: string | null } | null;
}

/** The numbers of events in /events/counts, by outcome. */
export interface EventCounts {
  received: number;
  queued: number;
  removed: number;
  unchanged: number;
  ignored: number;
  failed: number;
  malformed: number;
  lag_seconds: number | null;
}

/** A source of /schedule. */
export interface ScheduledSource {
  source: string;
  include: string[];
  exclude: string[];
  every: string;
  at: string | null;
  timezone: string | null;
  prune: boolean;
  next_at: string;
  /** What happened when a batch was last due. */
  last: { at: string; outcome: "started" | "skipped" | "failed"; problem: string | null } | null;
  last_batch: Batch | null;
}

/** The rate of a batch at a time: seconds since 1970, and images per second. */
export type RateSample = [time: number, rate: number];
