"""Render the output of the command `status` for a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from exifinator.batches.model import BatchCounts
from exifinator.cli.formatting import format_bytes, format_duration, make_table, open_console, safe_cell, safe_text
from exifinator.metrics import EVENT_OUTCOMES
from exifinator.monitoring.status import Status
from exifinator.paths import START

MAX_SOURCES_CHARS = 40
# Length of a batch's id. It must not be wrapped, so that users can copy it.
ID_CHARS = 22
# Stored name of a batch's state -> the name that `status` shows, where the stored name would be unclear to users.
_STATE_NAMES = {"reading": "indexing", "left": "detached"}


def show(status: Status) -> None:
    console = open_console()
    # With soft wrapping, tables would be wider than the terminal.
    console.print(_render(status), soft_wrap=not console.is_terminal)


def show_live(read: Callable[[], Status], refresh_seconds: float) -> None:
    """Show the status in full screen and update it until Ctrl-C. Without a terminal, print it repeatedly."""
    console = open_console()
    try:
        if not console.is_terminal:
            while True:
                console.print(_render(read()))
                console.rule()
                time.sleep(refresh_seconds)
        with Live(_render(read()), console=console, auto_refresh=False, screen=True, vertical_overflow="crop") as live:
            while True:
                time.sleep(refresh_seconds)
                status = read()
                footer = f"{status.at.astimezone():%H:%M:%S}, every {refresh_seconds:g} s. Press Ctrl-C to exit."
                live.update(Group(_render(status), Text(footer, style="dim")), refresh=True)
    except KeyboardInterrupt:
        return


def _render(status: Status) -> RenderableType:
    parts: list[RenderableType] = [
        Text(f"EXIFinator {status.version}", style="bold"),
        _services(status),
        _queues(status),
    ]
    parts.append(_hosts(status) if status.hosts else _no_workers(status))
    if status.batches:
        parts.append(_batches(status))
    if status.schedule:
        parts.append(_schedule(status))
    if status.events:
        parts.append(_events(status))
    if status.failures:
        parts.append(_failures(status))
    if status.orphan_sidecars:
        parts.append(Text(f"Sidecars without a photo: {status.orphan_sidecars:,}"))
    parts += [Text(f"! {safe_text(problem)}", style="red") for problem in status.problems]
    lines: list[RenderableType] = []
    for part in parts:
        lines += [part, ""] if isinstance(part, Table) else [part]
    return Group(*(lines[:-1] if lines[-1] == "" else lines))


def _services(status: Status) -> Table:
    table = make_table("service", "state", "address", "size")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for service in status.services:
        name = f"{service['name']} {service['version'] or ''}".strip()
        state = "up" if service["up"] else "[red]down[/]"
        table.add_row(safe_cell(name), state, safe_cell(service["address"]), _sizes(service["name"], status))
    return table


def _sizes(name: str, status: Status) -> str:
    if name in ("Redis", "Valkey") and status.redis:
        info = status.redis
        limit = f" of {format_bytes(info['memory_limit_bytes'])}" if info["memory_limit_bytes"] else ""
        disk = f", {format_bytes(info['disk_bytes'])} on disk" if info["disk_bytes"] else ""
        return f"{format_bytes(info['memory_bytes'])}{limit} in memory{disk}"
    if name == "MongoDB" and status.mongodb:
        info = status.mongodb
        free = info["disk_free_bytes"]
        memory = f"{format_bytes(info['memory_bytes'])} in memory, " if info["memory_bytes"] else ""
        left = f", {format_bytes(free)} free" if free is not None else ""
        return f"{status.records or 0:,} records, {memory}{format_bytes(info['disk_bytes'])} on disk{left}"
    return ""


def _queues(status: Status) -> RenderableType:
    if not status.queues:
        return Text("Queues: unknown")
    table = make_table("queue", "images", "oldest", "", right_aligned=(1, 2))
    table.columns[0].no_wrap = True
    for queue in status.queues:
        oldest = format_duration(queue["oldest_seconds"]) if queue["oldest_seconds"] is not None else "-"
        paused = "[yellow]paused (resume it with `queue resume`)[/]" if queue["paused"] else ""
        table.add_row(safe_cell(queue["name"]), f"{queue['images']:,}", oldest, paused)
    return table


def _events(status: Status) -> Text:
    counts = ", ".join(f"{status.events[name]:,} {name}" for name in EVENT_OUTCOMES if status.events[name])
    lag = status.events["lag_seconds"]
    return Text(f"Events: {counts}" + (f"; applied after {lag:,.1f} s on average" if lag is not None else ""))


def _no_workers(status: Status) -> Text:
    if status.mongodb is None:
        return Text("Workers: unknown without MongoDB")
    return Text(f"Workers: none; {START} starts them")


def _hosts(status: Status) -> Table:
    names = ("host", "workers", "busy", "load", "reads/s", "writes/s", "memory")
    table = make_table(*names, right_aligned=(1, 2, 3, 4, 5, 6))
    for host in status.hosts:
        table.add_row(
            safe_cell(host["name"]),
            str(host["processes"]),
            f"{host['busy']:.0%}",
            f"{host['load']:.1f} of {host['cores']}" if host["cores"] else "-",
            f"{host['reads_per_second']:,.0f}",
            f"{host['writes_per_second']:,.0f}",
            format_bytes(host["memory_mb"] * 1024**2),
        )
    return table


def _batches(status: Status) -> Table:
    table = make_table("batch", "sources", "state", "done", "failed", "images/s", "left", right_aligned=(3, 4, 5, 6))
    table.columns[0].min_width = ID_CHARS
    table.columns[2].no_wrap = True
    for batch in status.batches:
        counts = BatchCounts.from_dict(batch["numbers"])
        source_lines = [" ".join(batch["sources"]), *map(_describe_patterns, batch["patterns"])]
        table.add_row(
            batch["id"],
            "\n".join(safe_cell(_shorten(line)) for line in source_lines),
            _STATE_NAMES.get(batch["state"], batch["state"]),
            f"{counts.unchanged + counts.done:,}",
            f"[red]{counts.failed:,}[/]" if counts.failed else "0",
            f"{batch['rate']:,.0f}" if batch["rate"] is not None else "-",
            format_duration(batch["seconds_left"]) if batch["seconds_left"] is not None else "-",
        )
    return table


def _schedule(status: Status) -> Table:
    table = make_table("scheduled", "every", "last", "next")
    for entry in status.schedule:
        wait = (entry["next_at"] - status.at).total_seconds()
        at = f" at {entry['at']} {entry['timezone']}" if entry["at"] else ""
        table.add_row(
            safe_cell(_shorten(entry["source"])),
            safe_cell(f"{entry['every']}{at}"),
            safe_cell(_describe_last(entry, status.at)),
            f"in {format_duration(wait)}" if wait > 0 else "due",
        )
    return table


def _describe_last(entry: dict[str, Any], now: datetime) -> str:
    """Return what happened when a scheduled source was last due."""
    last, batch = entry["last"], entry["last_batch"]
    if last is None:
        return "-"
    age = f"{format_duration(max(0.0, (now - last['at']).total_seconds()))} ago"
    if last["outcome"] != "started":
        verb = "skipped" if last["outcome"] == "skipped" else "not started"
        return f"{verb} {age}: {last['problem'][:200]}"
    state = _STATE_NAMES.get(batch["state"], batch["state"]) if batch else "started"
    return f"{state}, {age}"


def _describe_patterns(patterns: dict[str, list[str]]) -> str:
    options = [f"--{name} {pattern}" for name in ("include", "exclude") for pattern in patterns[name]]
    return " ".join(options)


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_SOURCES_CHARS else text[: MAX_SOURCES_CHARS - 1] + "…"


def _failures(status: Status) -> Table:
    table = make_table("failed", "images", "message", right_aligned=(1,))
    for group in status.failures:
        example = group["example"]
        table.add_row(
            safe_cell(group["exception"] or example["status"]),
            f"{group['count']:,}",
            safe_cell(example["message"][:200]),
        )
    return table
