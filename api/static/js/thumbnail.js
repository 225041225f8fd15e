// The thumbnail that the camera put into the photo, turned as the photo is; where there is none, what the photo is.
import { html, useEffect, useState } from "./html.js";
import { api, token } from "./api.js";
import { settings } from "./settings.js";
import { fileName, STATUSES } from "./describe.js";
import { oneLine } from "./format.js";

// EXIF's eight orientations. Source: Exif 3.0, 4.6.5.1.6.
const TURNS = {
  2: "scaleX(-1)", 3: "rotate(180deg)", 4: "scaleY(-1)", 5: "rotate(270deg) scaleX(-1)", 6: "rotate(90deg)",
  7: "rotate(90deg) scaleX(-1)", 8: "rotate(270deg)",
};

// width, height: of the box in pixels; the picture fills it and what reaches over is cut, as the black bars of
// thumbnails are that cameras make 4:3 of every photo.
export function Thumbnail({ record, width, height, alt = "" }) {
  const [failed, setFailed] = useState(false);
  const source = useSource(record.thumbnail);
  if (!record.thumbnail || failed) return html`<${NoThumbnail} record=${record} />`;
  const { orientation } = record.photo;
  const turned = orientation >= 5 && orientation <= 8;
  const style = {
    width: `${turned ? height : width}px`,
    height: `${turned ? width : height}px`,
    transform: `translate(-50%, -50%) ${TURNS[orientation] ?? ""}`,
  };
  return html`<img class="thumbnail" src=${source} alt=${alt} style=${style} decoding="async" draggable=${false} onError=${() => source && setFailed(true)} />`;
}

export function NoThumbnail({ record }) {
  const bad = record.status !== "ok" && record.status !== "no_exif";
  return html`<span class="no-thumbnail ${bad ? "bad" : ""}">
    <span class="format">${oneLine(record.format ?? "?", 12).toUpperCase()}</span>
    <span class="name">${oneLine(fileName(record.key ?? record.id), 80)}</span>
    <span class="why">${bad ? STATUSES[record.status] ?? record.status : "No thumbnail in the file"}</span>
  </span>`;
}

// An <img> cannot send the token: where reading needs it, the picture is fetched and shown from memory.
function useSource(address) {
  const [held, setHeld] = useState(null);
  const fetched = settings.needs_token && token() && address;
  useEffect(() => {
    if (!fetched) return undefined;
    const control = new AbortController();
    let blob = null;
    api
      .open(address, { signal: control.signal })
      .then((answer) => answer.blob())
      .then((data) => {
        if (control.signal.aborted) return;
        blob = URL.createObjectURL(data);
        setHeld(blob);
      })
      .catch(() => {});
    return () => {
      control.abort();
      if (blob) URL.revokeObjectURL(blob);
    };
  }, [address, fetched]);
  return fetched ? held : address;
}
