"""`python -m docgen.scaling`: recompute the tables of docs/scaling.md.

The measured figures in the first table of the page are updated from bench/RESULTS.md and the settings, and the prices
from exifinator/cost/prices.json. The other figures in that table stay as they are. All other tables are computed from
the first one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from exifinator.config import ROOT, Config
from exifinator.cost.prices import DEFAULT_REGION, price_table

PAGE = ROOT / "docs" / "scaling.md"
RESULTS = ROOT / "bench" / "RESULTS.md"
# Letter of a figure -> pattern for its rows in RESULTS.md. If several rows match, their values are added up.
MEASURED = {
    "R": r"EXIFinator",
    "w": r"CPU us per image, worker \d+ [^|]*",
    "m": r"CPU us per image, server mongod",
    "d": r"CPU us per image, server (?:valkey|redis)-server",
    "K": r"listed and queued, keys/s",
    "G": r"requests per image",
    "r": r"Redis bytes per queued image",
}
# Columns of the tables: (number of images, days in which they have to be indexed).
CASES = ((10**6, 1 / 24), (10**8, 1.0), (10**10, 14.0))
NAMES = {10**6: "1 million", 10**8: "100 million", 10**10: "10 billion"}
_MARKED = re.compile(r"(<!-- computed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def read_figures(text: str) -> dict[str, float]:
    """Return the value of each letter in the table of figures."""
    rows = re.findall(r"^\| `(\w+)` \| [^|]*\| ([\d,.]+) ", text, re.MULTILINE)
    return {name: float(value.replace(",", "")) for name, value in rows}


def measured_figures(results: str, config: Config) -> dict[str, float]:
    """Return the figures of bench/RESULTS.md and the settings.

    Raises:
        ValueError: A row is missing in bench/RESULTS.md.
    """
    figures = {
        "B": float(config.default_first_read_bytes),
        "Q": float(config.max_queued),
        "W": config.write_queue_mb * 1024.0**2,
        "p": price_table()["regions"][DEFAULT_REGION]["get"],
        "q": price_table()["regions"][DEFAULT_REGION]["list"],
    }
    # Search only the first tables. Later ones, for more latency or a slow link, have rows with the same names.
    first_tables = results.split("\n| with ")[0] + results.partition("\n| listing ")[2]
    for letter, row in MEASURED.items():
        values = re.findall(rf"^\| {row} \| ([\d,.]+) \|", first_tables, re.MULTILINE)
        if not values or (len(values) > 1 and letter != "w"):
            raise ValueError(f"bench/RESULTS.md has {len(values)} rows for {letter} ({row}): see docgen/scaling.py")
        figures[letter] = sum(float(value.replace(",", "")) for value in values)
    return figures


def put_figures(text: str, figures: Mapping[str, float]) -> str:
    """Return the page with these values in its table of figures. Do not change the units and sources.

    Raises:
        ValueError: The table has no row for a figure, or more than one.
    """
    for letter, value in figures.items():
        row = rf"^(\| `{letter}` \| [^|]*\| )[\d,.]+(?= )"
        text, count = re.subn(row, lambda match: f"{match[1]}{value:,.10g}", text, flags=re.MULTILINE)  # noqa: B023
        if count != 1:
            raise ValueError(f"docs/scaling.md has {count} rows for {letter}")
    return text


def transfer_price(terabytes: float) -> float:
    """Return the price in dollars of a month's transfer to the internet."""
    price, lower_limit = 0.0, 0.0
    for tier in price_table()["internet_tiers"]:
        upper_limit = tier["to_terabytes"] or float("inf")
        price += max(0.0, min(terabytes, upper_limit) - lower_limit) * 1000 * tier["dollars_per_gb"]
        lower_limit = upper_limit
    return price


def cost_table(figures: Mapping[str, float]) -> str:
    """Return the table of costs per number of images."""
    rows: dict[str, list[str]] = {}

    def add(name: str, value: str) -> None:
        rows.setdefault(name, []).append(value)

    f = figures
    for images, _ in CASES:
        terabytes = images * f["B"] / 1e12
        add("Time on the measured machine: n / R", format_duration(images / f["R"]))
        add("GET requests: n × G", f"{images * f['G']:,.0f}")
        add("price of the GETs: n × G / 1,000 × p", format_dollars(images * f["G"] / 1000 * f["p"]))
        add("LIST requests: n / 1,000", f"{images / 1000:,.0f}")
        add("price of the LISTs: n / 1,000 / 1,000 × q", format_dollars(images / 1000 / 1000 * f["q"]))
        add("Listing alone, one machine: n / K", format_duration(images / f["K"]))
        add("Bytes read: n × B", format_bytes(images * f["B"]))
        add("price of the transfer in the bucket's region", "nothing")
        add("price of the transfer to the internet", format_dollars(transfer_price(terabytes)))
        add("Redis: min(n, Q) × r + W", format_bytes(min(images, f["Q"]) * f["r"] + f["W"]))
        add("Records on disk: n × D", format_bytes(images * f["D"]))
        add("Indexes: n × I", format_bytes(images * f["I"]))
        add("Thumbnails: n × T", format_bytes(images * f["T"]))
        add("MongoDB's disk in total", format_bytes(images * (f["D"] + f["I"] + f["T"])))
    return markdown_table(rows)


def machines_table(figures: Mapping[str, float]) -> str:
    """Return the table of machines needed to finish in time, at a core utilization of `u`."""
    rows: dict[str, list[str]] = {}
    f = figures
    for images, days in CASES:
        rate = images / (days * 86400)
        cells = {
            "Time limit": format_duration(days * 86400),
            "Rate: n / time limit": f"{rate:,.0f} images/s",
            "Worker cores: rate × w / u": f"{rate * f['w'] / 1e6 / f['u']:,.1f}",
            "mongod cores: rate × m / u": f"{rate * f['m'] / 1e6 / f['u']:,.1f}",
            "Share of Redis's one core: rate × d": f"{rate * f['d'] / 1e6:.0%}",
            "Network from S3: rate × B × 8": f"{rate * f['B'] * 8 / 1e9:,.2f} Gbit/s",
            "Reads in flight: rate × L": f"{rate * f['L'] / 1000:,.0f}",
        }
        for name, value in cells.items():
            rows.setdefault(name, []).append(value)
    return markdown_table(rows)


def markdown_table(rows: Mapping[str, list[str]]) -> str:
    """Return a table with a column for each of CASES. `rows` maps the name of a row to its cells."""
    lines = [f"| | {' | '.join(NAMES[images] for images, _ in CASES)} |", "|---|--:|--:|--:|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]) + "\n"


def format_duration(seconds: float) -> str:
    """Return a duration in the largest unit of which it has at least two."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (unit == "min" and seconds >= 60):
            return f"{seconds / length:,.0f} {unit}" if seconds >= 10 * length else f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.0f} s"


def format_bytes(n_bytes: float) -> str:
    """Return a number of bytes in the largest unit of which it has at least one."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= length:
            return f"{n_bytes / length:,.0f} {unit}" if n_bytes >= 10 * length else f"{n_bytes / length:,.1f} {unit}"
    return f"{n_bytes:,.0f} bytes"


def format_dollars(amount: float) -> str:
    return f"${amount:,.0f}" if amount >= 10 else f"${amount:,.3f}".rstrip("0").rstrip(".")


def compute(text: str, results: str) -> str:
    """Return the page with the figures from `results` (the text of bench/RESULTS.md), and with recomputed tables.

    Raises:
        ValueError: A row is missing in the page or in `results`.
    """
    text = put_figures(text, measured_figures(results, Config()))
    figures = read_figures(text)
    tables = {"costs": cost_table(figures), "machines": machines_table(figures)}
    return _MARKED.sub(lambda match: match[1] + tables[match[2]] + match[3], text)


if __name__ == "__main__":
    PAGE.write_text(compute(PAGE.read_text(encoding="utf-8"), RESULTS.read_text(encoding="utf-8")), encoding="utf-8")
