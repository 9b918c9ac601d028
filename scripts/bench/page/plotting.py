"""Line plots as SVG, and their figures as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, log10

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 320, 60, 50, 20, 50
_COLOURS = ("#3366cc", "#cc6633", "#339966")
_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
    'font-family="sans-serif" font-size="12">'
)


@dataclass(frozen=True)
class Plot:
    """Lines over the same places of a linear axis, from zero."""

    across: str
    places: Sequence[float]
    lines: dict[str, list[float]]

    @property
    def header(self) -> list[str]:
        return [self.across, *self.lines]

    def rows(self) -> list[list[str]]:
        columns = zip(self.places, *self.lines.values(), strict=True)
        return [[f"{first:g}", *(f"{value:,.1f}" for value in rest)] for first, *rest in columns]

    def svg(self) -> str:
        """A picture that is readable on light and dark pages."""
        top = rounded_up(max(max(values) for values in self.lines.values()))
        parts = [
            _OPENING,
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        ]
        for step in range(5):
            value = top * step / 4
            y = self._y(value, top)
            parts.append(f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="#dddddd"/>')
            parts.append(_text(_LEFT - 6, y + 4, f"{value:g}", "end"))
        parts += [_text(self._x(each), _HEIGHT - 30, f"{each:g}") for each in self.places]
        parts.append(_text((_WIDTH + _LEFT - _RIGHT) / 2, _HEIGHT - 10, self.across))
        for number, (name, values) in enumerate(self.lines.items()):
            colour = _COLOURS[number]
            points = [
                (self._x(x), self._y(y, top)) for x, y in zip(self.places, values, strict=True)
            ]
            path = "L".join(f"{x} {y}" for x, y in points)
            parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
            parts.append(_text(_LEFT + 10, 16 + 14 * number, name, "start", colour))
        return "\n".join([*parts, "</svg>", ""])

    def _x(self, value: float) -> float:
        return round(_LEFT + value / max(self.places) * (_WIDTH - _LEFT - _RIGHT), 1)

    def _y(self, value: float, top: float) -> float:
        return round(_HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM), 1)


def rounded_up(value: float) -> float:
    """At most two figures."""
    unit = 10 ** max(0, ceil(log10(value)) - 2)
    return float(ceil(value / unit / 4) * unit * 4)


def _text(x: float, y: float, words: str, anchor: str = "middle", colour: str = "#444444") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'
