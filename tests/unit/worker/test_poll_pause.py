"""The pause of a worker between two polls."""

from __future__ import annotations

import gevent

from exifinator.worker.poll_pause import IDLE_SECONDS, PollPause

BUSY_SECONDS = 0.05


def test_note_poll__worker_is_idle__pause_grows_to_its_limit() -> None:
    pause = PollPause(BUSY_SECONDS)
    lengths = []
    while pause.seconds < IDLE_SECONDS:
        lengths.append(pause.seconds)
        pause.note_poll(is_idle=True)
    assert lengths == sorted(lengths)
    assert lengths[0] == BUSY_SECONDS
    pause.note_poll(is_idle=True)
    assert pause.seconds == IDLE_SECONDS


def test_note_poll__worker_has_jobs_again__pause_is_short_again() -> None:
    pause = PollPause(BUSY_SECONDS)
    pause.note_poll(is_idle=True)
    assert pause.seconds > BUSY_SECONDS
    pause.note_poll(is_idle=False)
    assert pause.seconds == BUSY_SECONDS


def test_note_poll__max_latency_is_longer_than_the_limit__is_kept() -> None:
    pause = PollPause(2 * IDLE_SECONDS)
    pause.note_poll(is_idle=True)
    assert pause.seconds == 2 * IDLE_SECONDS


def test_wait__job_ends__pause_is_cut_short() -> None:
    pause = PollPause(3600)
    waiting = gevent.spawn(pause.wait)
    gevent.sleep(0)
    pause.wake()
    waiting.join()
