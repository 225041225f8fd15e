// Types that several modules share: the state of the explorer, and the API's responses (see /docs).

export type ViewName = "gallery" | "table" | "map" | "statistics" | "batches";

/** Filters with several values. A photo matches with any one of them; for `has` and `without`, with all. */
export type ListName =
  "camera" | "lens" | "bucket" | "format" | "status" | "keyword" | "rating" | "has" | "without";

export type SingleName =
  | "q"
  | "iso"
  | "f"
  | "exposure"
  | "focal"
  | "taken"
  | "hour"
  | "near"
  | "bbox"
  | "prefix"
  | "query";

export type FilterName = SingleName | ListName;

/** A filter that is off is absent. */
export type Filters = { [Name in ListName]?: string[] } & { [Name in SingleName]?: string };

/** null, undefined and empty values clear a filter. Other filters stay as they are. */
export type FilterChange = {
  [Name in FilterName]?: string | readonly (string | number)[] | number | null;
};

export interface State {
  view: ViewName;
  filters: Filters;
  sort: string;
  /** null: the default columns */
  columns: string[] | null;
  /** id of the open photo */
  photo: string | null;
  /** Other URL parameters, which belong to one view (map position, open batch, ...). */
  extra: Record<string, string>;
}

export interface Change extends Partial<Omit<State, "filters" | "extra">> {
  filters?: FilterChange;
  extra?: Record<string, string | null>;
  /** Clear all other filters. */
  only?: boolean;
}

export type Navigate = (change: Change, options?: { replace?: boolean }) => void;

export type Pair = [name: string, value: string | number];
export type Params = readonly Pair[] | Record<string, string | number> | null;

export interface Api {
  get(path: string, params?: Params, options?: { signal?: AbortSignal }): Promise<any>;
  post(path: string, body: unknown, options?: { signal?: AbortSignal }): Promise<any>;
  delete(path: string, options?: { signal?: AbortSignal }): Promise<any>;
  /** Return the response itself, for streams and images. */
  open(path: string, options?: { params?: Params; signal?: AbortSignal }): Promise<Response>;
  url(path: string, params?: Params): string;
}

/** Server settings that the page needs. */
export interface Settings {
  database: string;
  collection: string;
  dashboard_port: number;
  needs_token: boolean;
  has_token: boolean;
  sign_originals: boolean;
  tiles_url: string | null;
  tiles_attribution: string | null;
}

/** The normalised metadata of a photo; every field may be absent. */
export interface PhotoFields {
  taken_at?: string;
  taken_offset?: string;
  camera_make?: string;
  camera_model?: string;
  lens_model?: string;
  exposure_seconds?: number;
  f_number?: number;
  iso?: number;
  focal_length_mm?: number;
  focal_length_35mm?: number;
  rating?: number | null;
  keywords?: string | string[];
  description?: string;
  artist?: string;
  copyright?: string;
  software?: string;
  flash_fired?: boolean;
  orientation?: number;
  width_pixels?: number;
  height_pixels?: number;
  altitude_metres?: number;
  location?: { coordinates: [longitude: number, latitude: number] };
}

export interface Photo {
  id: string;
  bucket?: string;
  key: string;
  etag?: string;
  size?: number;
  format?: string;
  status: string;
  problem?: string;
  last_modified?: string;
  extracted_at?: string;
  /** URL of the thumbnail in the API. */
  thumbnail?: string | null;
  photo: PhotoFields;
}

/** A photo with its raw metadata. */
export interface PhotoRecord extends Photo {
  tags?: Record<string, unknown>;
  xmp?: unknown;
  iptc?: unknown;
}

/** A value and the number of photos that have it. With value null: the number of photos without one. */
export interface FacetRow {
  value: any;
  count: number;
}

/** A range of numbers: its nominal bounds (null: open), and the least and greatest value in it. */
export interface RangeRow extends FacetRow {
  from?: number | null;
  to?: number | null;
  least: number;
  greatest: number;
}

export interface Counts {
  total: number;
  /** The total is a lower bound. */
  more?: boolean;
  /** Number of photos in the counts. */
  counted: number;
  /** The counts are partial. The API is counting the rest. */
  cut_short: boolean;
  facets: Record<string, any[]>;
}

export interface BatchNumbers {
  listed: number;
  folders: number;
  unchanged: number;
  queued: number;
  stored: number;
  no_exif: number;
  unsupported: number;
  damaged: number;
  failed: number;
  bytes_read: number;
  requests: number;
  seconds: number;
}

export interface Batch {
  id: string;
  state: string;
  sources: string[];
  numbers: BatchNumbers;
  /** Images per second. */
  rate: number | null;
  seconds_left: number | null;
  started_at: string;
  problem?: string | null;
}

/** [seconds since 1970, images per second] */
export type RateSample = [time: number, rate: number];

/** A GeoJSON feature of /map: a cluster of photos, or a single one with its id. */
export interface MapFeature {
  geometry: { coordinates: [longitude: number, latitude: number] };
  properties: { count: number; id?: string };
}

/** In degrees. `east` exceeds 180 if the area crosses the 180th meridian. */
export interface Area {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** One of the API's clusters, or several that would overlap on screen. */
export interface Cluster {
  count: number;
  id?: string | null;
  lng: number;
  lat: number;
  /** Position and radius in pixels. */
  x: number;
  y: number;
  radius: number;
  /** Positions of the API's clusters that were merged into this one. */
  cells: [longitude: number, latitude: number][];
}

/** First and last index, both included. */
export type IndexRange = [first: number, last: number];
