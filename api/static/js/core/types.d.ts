// Types that several modules use: the explorer's state, and the API's responses. /docs describes their fields.

import type { LIST_FILTERS, SINGLE_FILTERS } from "./url_state.js";

export type * from "./batch_types";

export type ViewName =
  "gallery" | "table" | "map" | "statistics" | "cameras" | "duplicates" | "batches";

export type ListFilterName = (typeof LIST_FILTERS)[number];

export type SingleFilterName = (typeof SINGLE_FILTERS)[number];

/** Filters by a range of numbers. */
export type RangeName = "iso" | "f" | "exposure" | "focal" | "focal35" | "duration" | "frame_rate";

export type FilterName = SingleFilterName | ListFilterName;

/** The filters that are set. */
export type Filters = { [Name in ListFilterName]?: string[] } & {
  [Name in SingleFilterName]?: string;
};

/** The filters to change. null, undefined and empty values clear a filter. Absent filters keep their values. */
export type FilterChange = {
  [Name in FilterName]?: string | readonly (string | number)[] | number | null;
};

export interface State {
  view: ViewName;
  filters: Filters;
  sort: string;
  /** Names of the table's columns; null for the default columns. */
  columns: string[] | null;
  /** Id of the open photo. */
  photo: string | null;
  /** URL parameters that only one view uses, such as the map's position or the open batch. */
  viewParams: Record<string, string>;
}

export interface Change extends Partial<Omit<State, "filters" | "viewParams">> {
  filters?: FilterChange;
  viewParams?: Record<string, string | null>;
  /** Clear all filters before `filters` is applied. */
  clearFilters?: boolean;
}

export type Navigate = (change: Change, options?: { replace?: boolean }) => void;

export type Pair = [name: string, value: string | number];
export type Params = readonly Pair[] | Record<string, string | number> | null;

export interface Api {
  get(path: string, params?: Params, options?: { signal?: AbortSignal }): Promise<any>;
  post(path: string, body: unknown, options?: { signal?: AbortSignal }): Promise<any>;
  patch(path: string, body: unknown, options?: { signal?: AbortSignal }): Promise<any>;
  delete(path: string, options?: { signal?: AbortSignal }): Promise<any>;
  /** Send a GET request and return the response itself, for streams and images. */
  getResponse(path: string, options?: { params?: Params; signal?: AbortSignal }): Promise<Response>;
  /** Send a POST request and return the response itself. */
  postResponse(path: string, body: unknown, options?: { signal?: AbortSignal }): Promise<Response>;
  url(path: string, params?: Params): string;
}

/** A saved view: a name, and the explorer's path and query string. */
export interface SavedView {
  id: string;
  name: string;
  address: string;
  version: number;
}

/** All saved views, and the id of the one with which the explorer opens. */
export interface SavedViews {
  views: SavedView[];
  default: string | null;
}

/** A filter to add, or a text (without filters) that completes the typed one. */
export interface SearchSuggestion {
  text: string;
  /** Position of the first character that the suggestion replaces. */
  start: number;
  count: number | null;
  filters: Record<string, string | string[]>;
}

/** Why a search is invalid, and which of its characters are wrong. */
export interface SearchProblem {
  detail: string;
  start: number;
  end: number;
}

export interface SearchSuggestions {
  groups: { name: string; suggestions: SearchSuggestion[] }[];
  partial: boolean;
  /** The filters that are written in a search, and its text without them. */
  parsed: { q: string; filters: Record<string, string | string[]> } | null;
  problem: SearchProblem | null;
}

/** Server settings that the page uses. */
export interface Settings {
  database: string;
  collection: string;
  dashboard_port: number;
  version: string;
  needs_token: boolean;
  has_token: boolean;
  sign_originals: boolean;
  makes_previews: boolean;
  tiles_url: string | null;
  tiles_attribution: string | null;
}

/** Normalized metadata of a photo. Every field may be absent. */
export interface PhotoFields {
  media_type?: string;
  duration_seconds?: number;
  frame_rate?: number;
  video_codec?: string;
  audio_codec?: string;
  bit_rate?: number;
  taken_at?: string;
  taken_local?: string;
  taken_offset?: string;
  taken_offset_inferred?: boolean;
  taken_precision?: string;
  date_suspect?: string;
  time_zone?: string;
  place?: Place;
  camera_make?: string;
  camera_model?: string;
  lens_model?: string;
  camera_serial?: string;
  lens_serial?: string;
  owner?: string;
  shutter_count?: number;
  exposure_bias?: number;
  exposure_mode?: string;
  metering?: string;
  white_balance?: string;
  subject_distance_metres?: number;
  color_space?: string;
  bits_per_sample?: number;
  exposure_seconds?: number;
  f_number?: number;
  iso?: number;
  focal_length_mm?: number;
  focal_length_35mm?: number;
  rating?: number | null;
  keywords?: string | string[];
  people?: string[];
  regions?: Region[];
  label?: string;
  title?: string;
  headline?: string;
  creators?: string[];
  country?: string;
  state?: string;
  city?: string;
  sublocation?: string;
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

/** The populated place nearest to a photo's position. */
export interface Place {
  name: string;
  city?: string;
  region?: string;
  country: string;
  distance_km: number;
}

/** A part of a photo, such as a face. `area` is its centre and size, as fractions of the stored image's sides. */
export interface Region {
  name?: string;
  type?: string;
  area?: { x: number; y: number; w: number; h: number };
}

export interface Photo {
  id: string;
  bucket?: string;
  key: string;
  etag?: string;
  /** Equal for copies of a file. */
  fingerprint?: string;
  size?: number;
  format?: string;
  status: string;
  problem?: string;
  last_modified?: string;
  extracted_at?: string;
  /** URL of the thumbnail in the API. */
  thumbnail?: string | null;
  /** What is special about the image: raw, panorama, ... */
  kinds?: string[];
  /** The stack that the photo is part of. `id` is the id of the primary photo. */
  stack?: { id: string; role: string; primary: boolean; count: number };
  photo: PhotoFields;
}

/** A photo with its raw metadata. */
export interface PhotoRecord extends Photo {
  tags?: Record<string, unknown>;
  xmp?: unknown;
  iptc?: unknown;
  /** Texts of the file format: comments, and the text chunks of a PNG. */
  text?: unknown;
  icc?: unknown;
  /** How the image was generated. */
  ai?: unknown;
  /** The sidecars that are merged into `photo`, each with the fields whose values come from it. */
  sidecars?: { id: string; kind: string; fields: string[] }[];
  /** Sidecars only: the ids of their photos. */
  sidecar?: { kind: string; of?: string[] };
}

/** A value and the number of photos that have it. If `value` is null, the number of photos without a value. */
export interface FacetRow {
  value: any;
  count: number;
  /** Cameras only: the maker, if all photos of the model have the same one. */
  make?: string;
}

/**
 * A range of numbers and the number of photos in it.
 *
 * `from` and `to` are the range's bounds; null means that it has none. `least` and `greatest` are the lowest and
 * highest value that occur in it.
 */
export interface RangeRow extends FacetRow {
  from?: number | null;
  to?: number | null;
  least: number;
  greatest: number;
}

export interface Counts {
  total: number;
  /** Number of files that match, but are neither photos nor videos; null if unknown, or if media types are selected. */
  other_files?: number | null;
  /** Number of files that match, but are not shown because each stack is one photo; null if every file is shown. */
  files_in_stacks?: number | null;
  /** Whether more photos match than `total`, because the API stopped counting. */
  more?: boolean;
  /** Number of photos that have been counted so far. */
  counted: number;
  /** Whether the counts are partial. The API counts all photos in the background. */
  partial: boolean;
  /** Whether the library has changed since, or while, the photos were counted. */
  stale: boolean;
  facets: Record<string, any[]>;
}

/** A value and the number of photos that have it. */
export interface ValueCount {
  value: string;
  count: number;
}

/** One camera of /cameras, recognized by its model and serial number. */
export interface CameraBody {
  make: string | null;
  model: string | null;
  serial: string;
  photos: number;
  /** On the camera's clock, as is `last`. */
  first: string | null;
  last: string | null;
  shutter_count: number | null;
  owners: ValueCount[];
  lenses: ValueCount[];
}

/** The copies of one file. `photos` are some of them. */
export interface DuplicateGroup {
  fingerprint: string;
  count: number;
  size: number;
  wasted_bytes: number;
  photos: Photo[];
}

export interface DuplicatesResponse {
  groups: DuplicateGroup[];
  next: string | null;
  total: number;
  extra_copies: number;
  wasted_bytes: number;
  partial: boolean;
}

/** A GeoJSON feature of /map: a cluster of photos, or a single photo with its id. */
export interface MapFeature {
  geometry: { coordinates: [longitude: number, latitude: number] };
  properties: { count: number; id?: string };
}

/** An area in degrees. `east` exceeds 180 if the area crosses the 180th meridian. */
export interface Area {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** A marker on the map: one of the API's clusters, or several that would overlap on screen. */
export interface Cluster {
  count: number;
  id?: string | null;
  lng: number;
  lat: number;
  /** Position and radius in pixels. */
  x: number;
  y: number;
  radius: number;
  /** Positions of the API's clusters in this one. Each is in another cell of the API's grid. */
  cellPositions: [longitude: number, latitude: number][];
}

/** The first and the last index, both included. */
export type IndexRange = [first: number, last: number];
