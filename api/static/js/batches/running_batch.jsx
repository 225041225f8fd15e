/**
 * @file Progress of a running batch.
 * @import { Api, Batch, RateSample } from "../core/types"
 */
import { ActionButton } from "../components/action_button.jsx";
import { RateChart } from "../components/rate_chart.jsx";
import { Time } from "../components/time.jsx";
import {
  formatDecimal,
  formatDuration,
  formatNumber,
  oneLine,
  formatPercent,
} from "../core/format.js";
import { useState } from "../core/preact.js";
import { BatchCounts, Sources, StateBadge } from "./batch_parts.jsx";
import { describeDownload, progressOf, STATE_LABELS } from "./labels.js";

/** @param {{batch: Batch, samples: RateSample[], api: Api, merge: (batches: Batch[]) => void}} props */
export function RunningBatch({ batch, samples, api, merge }) {
  const [isConfirming, setConfirming] = useState(false);
  const { numbers, rate, seconds_left: secondsLeft } = batch;
  const { done, total, fraction } = progressOf(batch);
  // Rounded down, so that 100% means finished.
  const percentage = fraction === null ? null : Math.min(100, Math.floor(fraction * 100));
  const speed = rate === null ? "–" : `${formatNumber(Math.round(rate))} photos/s`;
  const isEstimating = batch.state === "reading" && !batch.problem;
  const timeLeft =
    secondsLeft === null
      ? isEstimating
        ? "estimating…"
        : "–"
      : `about ${formatDuration(secondsLeft)}`;
  return (
    <article class="batch card" aria-label={`Indexing job for ${batch.sources.join(", ")}`}>
      <header>
        <StateBadge batch={batch} /> <Sources batch={batch} />
        <span class="muted since">
          started <Time text={batch.started_at} />
        </span>
      </header>
      <p class="muted">{STATE_LABELS[batch.state]?.[1]}</p>
      {batch.problem && (
        <p class="field-error" role="alert">
          {oneLine(batch.problem, 500)}
        </p>
      )}
      <div class="progress-line">
        <progress max="100" value={percentage ?? undefined} aria-label="Progress" />
        <span>
          {percentage === null
            ? `${formatNumber(numbers.listed)} listed so far, ${formatNumber(done)} indexed`
            : `${formatNumber(done)} of ${formatNumber(total)}, ${formatPercent(percentage / 100)}`}
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
            <dd>{timeLeft}</dd>
          </div>
          <div>
            <dt>Elapsed</dt>
            <dd>{formatDuration(numbers.seconds)}</dd>
          </div>
          <div>
            <dt>Downloaded</dt>
            <dd>{describeDownload(numbers)}</dd>
          </div>
        </dl>
        <RateChart
          samples={samples}
          label={`Photos per second, currently ${rate === null ? "unknown" : formatDecimal(rate, 1)}`}
        />
      </div>
      <BatchCounts numbers={numbers} />
      {batch.state !== "cancelling" && (
        <p class="buttons">
          {isConfirming ? (
            <>
              <span>Cancel this job? Photos already indexed are kept.</span>
              <ActionButton
                kind="danger"
                act={async () =>
                  merge([await api.delete(`/batches/${encodeURIComponent(batch.id)}`)])
                }
              >
                Cancel job
              </ActionButton>
              <button type="button" onClick={() => setConfirming(false)}>
                Keep running
              </button>
            </>
          ) : (
            <button type="button" onClick={() => setConfirming(true)}>
              Cancel…
            </button>
          )}
        </p>
      )}
    </article>
  );
}
