"""Draw the number of greenlets of each worker over time, as small line charts in one SVG file."""

from __future__ import annotations

from html import escape

WIDTH, HEIGHT, GAP, LEFT = 720, 110, 34, 44
COLOURS = ("#2563eb", "#d97706", "#059669", "#be185d")


def draw(samples_by_title: dict[str, list[tuple[float, list[int]]]]) -> str:
    """Return an SVG image with one chart for each course.

    Args:
        samples_by_title: Title of a chart -> its samples: (seconds, the number of greenlets of each worker).
    """
    charts = "".join(_chart(title, samples, row) for row, (title, samples) in enumerate(samples_by_title.items()))
    height = len(samples_by_title) * (HEIGHT + GAP) + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="11"><rect width="{WIDTH}" height="{height}" fill="#fff"/>{charts}</svg>\n'
    )


def _chart(title: str, samples: list[tuple[float, list[int]]], row: int) -> str:
    top = row * (HEIGHT + GAP) + 24
    samples = [sample for sample in samples if sample[1]]
    seconds = max((at for at, _ in samples), default=1.0)
    max_greenlets = max((number for _, numbers in samples for number in numbers), default=1)

    def point(at: float, number: int) -> str:
        return f"{LEFT + at / seconds * (WIDTH - LEFT - 10):.1f},{top + HEIGHT - number / max_greenlets * HEIGHT:.1f}"

    lines = "".join(
        f'<polyline fill="none" stroke="{COLOURS[worker % len(COLOURS)]}" stroke-width="1.5" points="'
        + " ".join(point(at, numbers[worker]) for at, numbers in samples if worker < len(numbers))
        + '"/>'
        for worker in range(max((len(numbers) for _, numbers in samples), default=0))
    )
    return (
        f'<text x="{LEFT}" y="{top - 8}">{escape(title)}: greenlets of each worker over {seconds:.0f} s</text>'
        f'<text x="{LEFT - 6}" y="{top + 8}" text-anchor="end">{max_greenlets}</text>'
        f'<text x="{LEFT - 6}" y="{top + HEIGHT}" text-anchor="end">0</text>'
        f'<path d="M{LEFT},{top}V{top + HEIGHT}H{WIDTH - 10}" stroke="#999" fill="none"/>{lines}'
    )
