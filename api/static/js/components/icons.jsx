/**
 * @file Icons, drawn as strokes on a 16 by 16 grid.
 */
const PATHS = {
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.700 10.700L14 14",
  saved: "M4 2h8v12l-4-3-4 3z",
  export: "M8 2v8M4.500 7L8 10.500 11.500 7M2.500 13.500h11",
  light:
    "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6z" +
    "M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1",
  dark: "M13.500 9.500A6 6 0 0 1 6.500 2.500 6 6 0 1 0 13.500 9.500z",
  columns: "M2 3h12v10H2zM6 3v10M10 3v10",
  close: "M3.500 3.500l9 9M12.500 3.500l-9 9",
  previous: "M10 3L5 8l5 5",
  next: "M6 3l5 5-5 5",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  check: "M3 8.500l3.500 3.500L13 4.500",
  film: "M2 3h12v10H2zM5 3v10M11 3v10M2 6.300h3M2 9.700h3M11 6.300h3M11 9.700h3",
  fullscreen: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
  zoomIn: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.700 10.700L14 14M7 4.700v4.600M4.700 7h4.600",
  zoomOut: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.700 10.700L14 14M4.700 7h4.600",
  play: "M4.500 2.500l9 5.500-9 5.500z",
  pause: "M5 3v10M11 3v10",
  info: "M8 15A7 7 0 1 0 8 1a7 7 0 0 0 0 14zM8 7v4.500M8 4.300v.4",
  external: "M9 2h5v5M14 2L7 9M12 9.500V14H2V4h4.500",
};

/** @param {{name: keyof typeof PATHS}} props */
export function Icon({ name }) {
  return (
    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
