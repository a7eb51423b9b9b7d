"""How all plots look: a light card, readable on any page, its colours apart for colour-blind eyes, labels at the lines.

The colours are those of Okabe and Ito, "Color Universal Design" (2008); lines differ by marker and dash as well.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10
from typing import TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from benchmarks.publish.figures import short

PAPER, INK, FAINT, RULE = "#fcfcfa", "#222222", "#6b6b6b", "#dcdcd6"

NACT, NACT_TOO = "#0072b2", "#56b4e9"
RAW = "#555555"
PEERS = ("#d55e00", "#009e73", "#cc79a7", "#b08a00")
MARKERS = ("s", "^", "D", "v")

WIDTH, ROW = 9.0, 3.1
"""Inches; an inch has 72 of an SVG's points."""

_CAPTION_LINE, _TOP = 0.17, 0.55
_LABEL_WIDTH = 24

SETTINGS = mpl.RcParams(
    {
        "svg.hashsalt": "nact",  # or every run would name its parts differently
        "svg.fonttype": "path",  # looks the same wherever it is shown
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.edgecolor": RULE,
        "axes.labelcolor": INK,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "text.color": INK,
        "xtick.color": FAINT,
        "ytick.color": FAINT,
    }
)
"""Of matplotlib, while plots are drawn."""

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a plot, and what stands at its end."""

    label: str
    points: Sequence[Point]
    colour: str
    marker: str = "o"
    dashed: bool = False
    width: float = 1.6


class Sheet:
    """A figure with panels in rows of two, a title above and a caption below."""

    def __init__(self, title: str, panels: int, *, caption: Iterable[str], row: float = ROW, columns: int = 2) -> None:
        lines = [part for line in caption for part in _wrapped(line)]
        columns = min(columns, panels)
        rows = -(-panels // columns)
        below = 0.55 + _CAPTION_LINE * len(lines)
        height = rows * row + _TOP + below
        self._figure = Figure(figsize=(WIDTH, height), facecolor=PAPER)
        FigureCanvasSVG(self._figure)
        grid = self._figure.subplots(rows, columns, squeeze=False)
        self.axes: list[Axes] = list(grid.flat)[:panels]
        for unused in list(grid.flat)[panels:]:
            unused.remove()
        self._figure.subplots_adjust(
            left=0.085,
            right=0.84,
            top=1 - (_TOP + 0.25) / height,
            bottom=(below + 0.1) / height,
            hspace=0.42,
            wspace=0.68,
        )
        self._figure.text(0.02, 1 - 0.3 / height, title, fontsize=12, fontweight="bold")
        for number, line in enumerate(reversed(lines)):
            self._figure.text(0.02, (0.1 + number * _CAPTION_LINE) / height, line, fontsize=7, color=FAINT)

    def svg(self) -> bytes:
        """The file. The same figures make the same bytes."""
        out = io.BytesIO()
        self._figure.savefig(out, format="svg", facecolor=PAPER, metadata={"Date": None, "Creator": None})
        return b"\n".join(line.rstrip() for line in out.getvalue().splitlines()) + b"\n"

    def adjust(self, **sides: float) -> None:
        """Other margins."""
        self._figure.subplots_adjust(**sides)


def plain(axes: Axes, title: str, *, x: str = "", y: str = "") -> None:
    """A panel with nothing but a grid behind its figures."""
    axes.set_facecolor(PAPER)
    axes.set_title(title, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, which="both")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def draw(axes: Axes, lines: Sequence[Line], *, log_y: bool) -> None:
    """The lines, each with its label at its end, none on top of another."""
    for line in lines:
        axes.plot(
            [x for x, _ in line.points], [y for _, y in line.points], color=line.colour, marker=line.marker,
            markersize=0 if not line.marker else 4, linewidth=line.width, linestyle="--" if line.dashed else "-",
        )  # fmt: skip
    places = _apart(axes, lines, log_y=log_y)
    for line, place in zip(lines, places, strict=True):
        _at(axes, "\n".join(_label(line)), (line.points[-1][0], place), gap=7, colour=line.colour)


def bars(axes: Axes, rows: Sequence[tuple[str, float, str]]) -> None:
    """Horizontal bars from zero, each with its figure: label, length, colour."""
    longest = max(length for _, length, _ in rows)
    for place, (_, length, colour) in enumerate(reversed(rows)):
        axes.barh(place, length, color=colour, height=0.62)
        axes.annotate(
            short(length), (length, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=7.5
        )
    axes.set_yticks(range(len(rows)), [label for label, *_ in reversed(rows)], fontsize=7.5, color=INK)
    axes.set_xlim(0, longest * 1.18)
    axes.grid(False, axis="y")


def _at(axes: Axes, label: str, place: Point, *, gap: float, colour: str) -> None:
    """Puts a label to the right of a place, also outside of the panel."""
    axes.annotate(
        label, place, xytext=(gap, 0), textcoords="offset points", va="center", fontsize=7.5, color=colour,
        annotation_clip=False,
    )  # fmt: skip


def _apart(axes: Axes, lines: Sequence[Line], *, log_y: bool) -> list[float]:
    """Where labels go: beside the ends of their lines, or as near as gives each of them room."""
    low, high = axes.get_ylim()
    scale = (lambda y: log10(max(y, 1e-12))) if log_y else float
    unit = (scale(high) - scale(low)) * 0.064
    order = sorted(range(len(lines)), key=lambda at: lines[at].points[-1][1])
    heights = [scale(lines[at].points[-1][1]) for at in order]
    rows = [len(_label(lines[at])) for at in order]
    for _ in range(200):
        for at in range(1, len(heights)):
            least = unit * (rows[at] + rows[at - 1]) / 2
            if (overlap := least - (heights[at] - heights[at - 1])) > 0:
                heights[at] += overlap / 2
                heights[at - 1] -= overlap / 2
    found = dict(zip(order, heights, strict=True))
    return [10 ** found[at] if log_y else found[at] for at in range(len(lines))]


def _label(line: Line) -> list[str]:
    return _wrapped(line.label, _LABEL_WIDTH)


def _wrapped(line: str, width: int = 155) -> list[str]:
    words, lines = line.split(" "), [""]
    for word in words:
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
