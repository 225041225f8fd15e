"""What `status` found, on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from exifinator.home import START
from exifinator.logs import escape_control
from exifinator.progress import format_bytes, format_duration, open_console
from exifinator.status import Status


def show(status: Status) -> None:
    """Print it."""
    open_console().print(_render(status))


def show_live(read: Callable[[], Status], refresh_seconds: float) -> None:
    """Show it on the whole screen, anew every few seconds, until Ctrl-C."""
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
                clock = Text(
                    f"{status.at.astimezone():%H:%M:%S}, every {refresh_seconds:g} s; Ctrl-C ends", style="dim"
                )
                live.update(Group(_render(status), clock), refresh=True)
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
    if status.failures:
        parts.append(_failures(status))
    parts += [Text(f"! {escape_control(problem)}", style="red") for problem in status.problems]
    lines: list[RenderableType] = []
    for part in parts:
        lines += [part, ""] if isinstance(part, Table) else [part]
    return Group(*(lines[:-1] if lines[-1] == "" else lines))


def _table(*columns: str, right: tuple[int, ...] = ()) -> Table:
    table = Table(*columns, box=None, pad_edge=False, header_style="dim")
    for at in right:
        table.columns[at].justify = "right"
        table.columns[at].no_wrap = True
    for column in table.columns:
        column.overflow = "fold"
    return table


def _safe(value: object) -> str:
    return escape(escape_control(str(value)).replace("\n", "\\n"))


def _services(status: Status) -> Table:
    table = _table("service", "state", "address", "size")
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for service in status.services:
        name = f"{service['name']} {service['version'] or ''}".strip()
        state = "up" if service["up"] else "[red]away[/]"
        table.add_row(_safe(name), state, _safe(service["address"]), _sizes(service["name"], status))
    return table


def _sizes(name: str, status: Status) -> str:
    if name in ("Redis", "Valkey") and status.redis:
        found = status.redis
        limit = f" of {format_bytes(found['memory_limit_bytes'])}" if found["memory_limit_bytes"] else ""
        disk = f", {format_bytes(found['disk_bytes'])} on disk" if found["disk_bytes"] else ""
        return f"{format_bytes(found['memory_bytes'])}{limit} in memory{disk}"
    if name == "MongoDB" and status.mongodb:
        found = status.mongodb
        free = found["disk_free_bytes"]
        memory = f"{format_bytes(found['memory_bytes'])} in memory, " if found["memory_bytes"] else ""
        left = f", {format_bytes(free)} free" if free is not None else ""
        return f"{status.records or 0:,} records, {memory}{format_bytes(found['disk_bytes'])} on disk{left}"
    return ""


def _queues(status: Status) -> RenderableType:
    if not status.queues:
        return Text("Queues: not known")
    table = _table("queue", "images", "oldest", "", right=(1, 2))
    table.columns[0].no_wrap = True
    for queue in status.queues:
        oldest = format_duration(queue["oldest_seconds"]) if queue["oldest_seconds"] is not None else "-"
        paused = "[yellow]paused: `queue resume` goes on[/]" if queue["paused"] else ""
        table.add_row(_safe(queue["name"]), f"{queue['images']:,}", oldest, paused)
    return table


def _no_workers(status: Status) -> Text:
    known = status.mongodb is not None
    return Text(f"Workers: none; {START} starts them" if known else "Workers: not known without MongoDB")


def _hosts(status: Status) -> Table:
    names = ("host", "workers", "busy", "load", "reads/s", "writes/s", "memory")
    table = _table(*names, right=(1, 2, 3, 4, 5, 6))
    for host in status.hosts:
        table.add_row(
            _safe(host["name"]),
            str(host["processes"]),
            f"{host['busy']:.0%}",
            f"{host['load']:.1f} of {host['cores']}" if host["cores"] else "-",
            f"{host['reads_per_second']:,.0f}",
            f"{host['writes_per_second']:,.0f}",
            format_bytes(host["memory_mb"] * 1024**2),
        )
    return table


def _batches(status: Status) -> Table:
    names = ("batch", "sources", "state", "listed", "unchanged", "done", "failed", "images/s", "left")
    table = _table(*names, right=(3, 4, 5, 6, 7, 8))
    for batch in status.batches:
        numbers: dict[str, Any] = batch["numbers"]
        done = sum(numbers[name] for name in ("stored", "no_exif", "unsupported", "damaged", "failed"))
        sources = " ".join(batch["sources"])
        table.add_row(
            batch["id"],
            _safe(sources if len(sources) <= 40 else sources[:39] + "…"),
            batch["state"],
            f"{numbers['listed']:,}",
            f"{numbers['unchanged']:,}",
            f"{done:,}",
            f"[red]{numbers['failed']:,}[/]" if numbers["failed"] else "0",
            f"{batch['rate']:,.0f}" if batch["rate"] is not None else "-",
            format_duration(batch["seconds_left"]) if batch["seconds_left"] is not None else "-",
        )
    return table


def _failures(status: Status) -> Table:
    table = _table("failed", "images", "for example", right=(1,))
    for group in status.failures:
        example = group["example"]
        table.add_row(
            _safe(group["exception"] or example["status"]), f"{group['count']:,}", _safe(example["message"][:200])
        )
    return table
