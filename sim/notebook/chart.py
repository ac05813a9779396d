"""A curve of lost devices as a small drawing (SVG) that takes the colours of the page around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 560
HEIGHT: Final = 210
_LEFT: Final = 62
_RIGHT: Final = 14
_TOP: Final = 12
_BOTTOM: Final = 38
ORANGE: Final = "#d55e00"


def curve_svg(lost: Sequence[int], chosen: int) -> str:
    """Lost devices over the delay in whole days from 1 on, with the chosen day marked.

    Args:
        lost: one number for each day.
        chosen: a day from 1 on.
    """
    top = _round_up(max(lost))
    across = max(len(lost) - 1, 1)

    def x(day: float) -> float:
        return _LEFT + (day - 1) / across * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)

    line = " ".join(f"{x(day):.1f},{y(value):.1f}" for day, value in enumerate(lost, start=1))
    here = lost[chosen - 1]
    parts = [
        *(
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="currentColor" stroke-opacity=".2"/>'
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.0f}</text>'
            for value in (0, top / 2, top)
        ),
        *(
            f'<text x="{x(day):.1f}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{day}</text>'
            for day in _ticks(len(lost))
        ),
        f'<text x="{(_LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">'
        "activation delay (days)</text>",
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>',
        f'<line x1="{x(chosen):.1f}" x2="{x(chosen):.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" '
        f'stroke="{ORANGE}" stroke-dasharray="4 3"/>',
        f'<circle cx="{x(chosen):.1f}" cy="{y(here):.1f}" r="5" fill="{ORANGE}"/>',
    ]
    label = f"Lost devices by activation delay: {here:,} after {chosen} days"
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" style="max-width:100%;height:auto" role="img" '
        f'aria-label="{label}" font-size="12" fill="currentColor" font-family="sans-serif">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


def _round_up(most: int) -> float:
    """A round number of at least 2 and at least the most."""
    if most <= 2:
        return 2
    power = 10 ** math.floor(math.log10(most))
    return float(next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= most))


def _ticks(days: int) -> list[int]:
    step = next(step for step in (1, 5, 10, 20, 50, 100) if days / step <= 10)
    return [day for day in range(1, days + 1) if day == 1 or (day % step == 0)]
