// One photo: what it looks like, how it was taken, where it lies, and every tag in it.
import { html, useEffect, useState } from "./html.js";
import { CopyButton } from "./copy.js";
import { fileName } from "./describe.js";
import { Dialog } from "./dialog.js";
import { oneLine } from "./format.js";
import { Icon } from "./icons.js";
import { useLoad } from "./load.js";
import { MiniMap } from "./minimap.js";
import { Failed, Loading } from "./screens.js";
import { settings } from "./settings.js";
import { filterParams, href } from "./state.js";
import { Summary } from "./summary.js";
import { Tags } from "./tags.js";
import { Thumbnail } from "./thumbnail.js";

const path = (id) => `/photos/${encodeURIComponent(id)}`;

export function Photo({ id, state, navigate, api }) {
  const found = useLoad((signal) => api.get(path(id), null, { signal }), id);
  const record = found.data?.id === id ? found.data : null;
  const around = useNeighbours(id, state, api);
  const go = (photo) => photo && navigate({ photo }, { replace: true });
  const close = () => navigate({ photo: null, extra: { tab: null } });
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches("input, textarea, [role=tab]")) return;
    if (event.key === "ArrowLeft") go(around.previous);
    else if (event.key === "ArrowRight") go(around.next);
  };
  const name = oneLine(fileName(id), 120);
  const step = (label, to, icon) => html`<button type="button" class="plain" aria-label=${label} title=${label} aria-disabled=${!to} onClick=${() => go(to)}><${Icon} name=${icon} /></button>`;
  return html`<${Dialog} title=${null} label=${`Photo ${name}`} close=${close} kind="photo" onKeyDown=${onKeyDown}>
    <header>
      ${step("Previous photo (←)", around.previous, "back")}${step("Next photo (→)", around.next, "next")}
      <h2>${name}</h2>
      <button type="button" class="plain" aria-label="Close" title="Close (Esc)" onClick=${close}><${Icon} name="close" /></button>
    </header>
    ${found.error
      ? html`<${Failed} error=${found.error} retry=${found.reload} />`
      : record
        ? html`<${Content} key=${id} record=${record} state=${state} navigate=${navigate} api=${api} />`
        : html`<${Loading} slow=${found.slow} what="this photo" />`}
  <//>`;
}

function Content({ record, state, navigate, api }) {
  const width = useRoom();
  const coordinates = record.photo.location?.coordinates;
  const { width_pixels: wide, height_pixels: high } = record.photo;
  const aspect = wide && high ? Math.min(3.2, Math.max(0.5, wide / high)) : 1.5;
  const shown = Math.min(width, 460 * aspect);
  const size = { width: `${Math.round(shown)}px`, height: `${Math.round(shown / aspect)}px` };
  return html`<div class="photo-content">
    <div class="aside">
      <div class="picture" style=${size}><${Thumbnail} record=${record} width=${Math.round(shown)} height=${Math.round(shown / aspect)} alt=${`Thumbnail of ${oneLine(fileName(record.id), 120)}`} /></div>
      <div class="actions">
        <${CopyButton} text=${`s3://${record.id}`} label="S3 address" />
        <${CopyButton} text=${location.href} label="Link to this page" />
        ${settings.sign_originals && html`<${Original} id=${record.id} api=${api} />`}
      </div>
      ${coordinates && html`<${MiniMap} lat=${coordinates[1]} lon=${coordinates[0]} />`}
      <${Copies} record=${record} state=${state} api=${api} />
    </div>
    <div class="facts">
      <${Summary} record=${record} />
      <${Tags} record=${record} tab=${state.extra.tab} setTab=${(tab) => navigate({ extra: { tab } }, { replace: true })} />
    </div>
  </div>`;
}

// The photos before and after this one in the result, wherever in it this one is: the API goes on from any photo.
function useNeighbours(id, state, api) {
  const pairs = filterParams(state.filters);
  const { data } = useLoad(
    async (signal) => {
      const ask = (where) => api.get("/photos", [...pairs, ["sort", state.sort], [where, id], ["limit", 1]], { signal });
      const [after, before] = await Promise.all([ask("after"), ask("before")]);
      return { id, next: after.photos[0]?.id, previous: before.photos[0]?.id };
    },
    JSON.stringify([id, pairs, state.sort]),
  );
  return data?.id === id ? data : {};
}

function Copies({ record, state, api }) {
  const { data } = useLoad(
    async (signal) => (record.etag ? api.get(`/photos/by-etag/${encodeURIComponent(record.etag)}`, null, { signal }) : null),
    record.id,
  );
  const others = (data?.photos ?? []).filter(({ id }) => id !== record.id);
  if (!others.length) return null;
  return html`<section class="copies">
    <h3>${others.length === 1 ? "Another copy of this file" : `${others.length} other copies of this file`}</h3>
    <ul>${others.slice(0, 50).map(({ id }) => html`<li key=${id}><a href=${href(state, { photo: id })}>${oneLine(id, 200)}</a></li>`)}</ul>
  </section>`;
}

// A link that whoever has it can use, so it is made only when asked for.
function Original({ id, api }) {
  const [link, setLink] = useState(null);
  const [error, setError] = useState(null);
  const ask = () => api.get(`${path(id)}/original`).then(setLink, setError);
  if (error) return html`<p class="note" role="alert">${error.message}</p>`;
  if (!link) return html`<button type="button" onClick=${ask}><${Icon} name="out" />Link to the original</button>`;
  return html`<a class="button" href=${link.url} target="_blank" rel="noopener noreferrer"><${Icon} name="out" />Open the original</a>
    <${CopyButton} text=${link.url} label=${`Link, for ${Math.round(link.seconds / 60)} minutes`} />`;
}

function useRoom() {
  const room = () => (innerWidth < 800 ? innerWidth - 32 : Math.min(440, innerWidth * 0.34));
  const [width, setWidth] = useState(room);
  useEffect(() => {
    const listener = () => setWidth(room());
    addEventListener("resize", listener);
    return () => removeEventListener("resize", listener);
  }, []);
  return width;
}
