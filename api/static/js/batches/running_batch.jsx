/**
 * @file A batch that is under way.
 * @import { Api, Batch, RateSample } from "../core/types"
 */
import { ActionButton } from "../components/action_button.jsx";
import { RateChart } from "../components/rate_chart.jsx";
import { bytes, decimal, duration, moment, number, oneLine, plural } from "../core/format.js";
import { useState } from "../core/preact.js";
import { Numbers, Sources, StateWord } from "./batch_parts.jsx";
import { progressOf, STATES } from "./labels.js";

/** @param {{batch: Batch, samples: RateSample[], api: Api, merge: (batches: Batch[]) => void}} props */
export function RunningBatch({ batch, samples, api, merge }) {
  const [isAsking, setAsking] = useState(false);
  const { numbers, rate, seconds_left: left } = batch;
  const { done, total, part } = progressOf(batch);
  const percent = part === null ? null : Math.min(100, Math.floor(part * 100));
  const speed = rate === null ? "–" : `${number(Math.round(rate))} images/s`;
  return (
    <article class="batch card" aria-label={`Batch of ${batch.sources.join(", ")}`}>
      <header>
        <StateWord state={batch.state} /> <Sources sources={batch.sources} />
        <span class="muted since">since {moment(batch.started_at)}</span>
      </header>
      <p class="muted">{STATES[batch.state]?.[1]}</p>
      {batch.problem && (
        <p class="field-error" role="alert">
          {oneLine(batch.problem, 500)}
        </p>
      )}
      <div class="progress-line">
        <progress max="100" value={percent ?? undefined} aria-label="Progress" />
        <span>
          {percent === null
            ? `${number(numbers.listed)} listed so far, ${number(done)} read`
            : `${number(done)} of ${number(total)}, ${percent} %`}
        </span>
      </div>
      <div class="pace">
        <dl>
          <div>
            <dt>Rate</dt>
            <dd>{speed}</dd>
          </div>
          <div>
            <dt>Time left</dt>
            <dd>{left === null ? "not known yet" : `about ${duration(left)}`}</dd>
          </div>
          <div>
            <dt>Running for</dt>
            <dd>{duration(numbers.seconds)}</dd>
          </div>
          <div>
            <dt>Read</dt>
            <dd>
              {bytes(numbers.bytes_read)} in {plural(numbers.requests, "request")}
            </dd>
          </div>
        </dl>
        <RateChart
          samples={samples}
          label={`Images a second; now ${rate === null ? "not known" : decimal(rate, 1)}`}
        />
      </div>
      <Numbers numbers={numbers} />
      {batch.state !== "cancelling" && (
        <p class="ways">
          {isAsking ? (
            <>
              <span>Read no more of it? What is read stays.</span>
              <ActionButton
                kind="danger"
                act={async () =>
                  merge([await api.delete(`/batches/${encodeURIComponent(batch.id)}`)])
                }
              >
                Yes, cancel
              </ActionButton>
              <button type="button" onClick={() => setAsking(false)}>
                Go on reading
              </button>
            </>
          ) : (
            <button type="button" onClick={() => setAsking(true)}>
              Cancel …
            </button>
          )}
        </p>
      )}
    </article>
  );
}
