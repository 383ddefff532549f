"""What the drawings share: one row per category, names and numbers beside it, axis and legend.

Everything is placed in pixels: the vertical axis counts pixels, so that text and marks share one
grid. In the compact (phone) layout a row's texts stand above its marks instead of beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from backslide.report.points import Point
from backslide.report.svg import GRID, INK, MUTED, PAPER

Style = dict[str, object]
TOP, BOTTOM, GAP = 26, 40, 8
LONG = 20
"""Rows from which the axis is labelled at the top as well."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels, but for the number of characters that fit into a category's name."""

    width: int
    left: int
    right: int
    row: int
    compact: bool
    characters: int

    @property
    def marks(self) -> float:
        """From the middle of a row to its marks."""
        return -6 if self.compact else 0

    @property
    def texts(self) -> float:
        """From the middle of a row to its texts."""
        return 10 if self.compact else 0


WIDE = Layout(width=900, left=212, right=150, row=25, compact=False, characters=28)
COMPACT = Layout(width=350, left=8, right=8, row=40, compact=True, characters=30)


@dataclass(frozen=True, slots=True)
class Drawing:
    """What one plot adds to the frame. ``row`` draws the marks of a point at a height and gives
    back the numbers to print beside it, or None where there is nothing to draw."""

    points: Sequence[Point]
    reach: tuple[float, float]
    axis: str
    row: Callable[[Axes, Point, float], str | None]
    legend: Sequence[tuple[str, Style]]
    zero: bool = False
    both_ways: bool = field(default=False)
    """Whether the axis counts up to both sides of zero."""


def draw(drawing: Drawing, layout: Layout) -> Figure:
    """The whole figure, as high as its rows need."""
    gaps = sum(GAP for p in drawing.points[:-1] if p.overall)
    body = layout.row * len(drawing.points) + gaps
    height = body + BOTTOM + (TOP if len(drawing.points) < LONG else TOP + 16)
    figure = Figure(figsize=(layout.width / 72, height / 72), dpi=72)
    inner = (layout.width - layout.left - layout.right) / layout.width
    axes = figure.add_axes((layout.left / layout.width, BOTTOM / height, inner, body / height))
    _axis(axes, drawing, body, layout)
    for point, y in _heights(axes, drawing.points, body, layout):
        values = drawing.row(axes, point, y + layout.marks)
        if values is None:
            _absent(axes, point, y + layout.marks)
        _texts(axes, point, values or "", y + layout.texts, layout)
    _legend(figure, drawing.legend, layout)
    return figure


def shortened(text: str, length: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "\u2026"


def _heights(
    axes: Axes, points: Sequence[Point], body: float, layout: Layout
) -> Iterator[tuple[Point, float]]:
    """Every point with the middle of its row, from the top; a rule sets the overall row apart."""
    top = body
    for i, point in enumerate(points):
        yield point, top - layout.row / 2
        top -= layout.row
        if point.overall and i + 1 < len(points):
            axes.axhline(top - GAP / 2, color=GRID, linewidth=1)
            top -= GAP


def _axis(axes: Axes, drawing: Drawing, body: float, layout: Layout) -> None:
    axes.set_xlim(*drawing.reach)
    axes.set_ylim(0, body)
    axes.set_yticks([])
    axes.grid(axis="x", color=GRID, linewidth=1, zorder=0)
    axes.set_axisbelow(True)
    axes.locator_params(axis="x", nbins=5 if layout.compact else 9)
    long = len(drawing.points) >= LONG
    axes.tick_params(axis="x", colors=MUTED, labelsize=10, length=0, pad=6, labeltop=long)
    axes.set_xlabel(drawing.axis, color=MUTED, fontsize=10.5, labelpad=5)
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if drawing.zero:
        axes.axvline(0, color=INK, linewidth=1, zorder=1)
    if drawing.both_ways:
        axes.xaxis.set_major_formatter(lambda x, _: f"{abs(x):g}")


def _texts(axes: Axes, point: Point, values: str, y: float, layout: Layout) -> None:
    """The category's name on the left, its numbers on the right."""
    weight = "bold" if point.overall else "normal"
    name = shortened(point.label, layout.characters)
    _write(axes, name, (0.0, y), 0 if layout.compact else -layout.left, "left", INK, weight)
    if layout.compact:
        _write(axes, values, (1.0, y), 0, "right", MUTED, weight)
    else:
        _write(axes, values, (1.0, y), 14, "left", MUTED, weight)


def _absent(axes: Axes, point: Point, y: float) -> None:
    text = shortened(f"not enough data: {point.why}", 46)
    _write(axes, text, (0.0, y), 4, "left", MUTED, "normal")


def _write(
    axes: Axes, text: str, place: tuple[float, float], shift: float, align: str, color: str,
    weight: str,
) -> None:  # fmt: skip
    axes.annotate(
        text, place, (shift, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset pixels",
        ha=align, va="center_baseline", fontsize=11.5, color=color, fontweight=weight,
        parse_math=False, annotation_clip=False, zorder=5,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5} if text else None,
    )  # fmt: skip


def _legend(figure: Figure, entries: Sequence[tuple[str, Style]], layout: Layout) -> None:
    figure.legend(
        [_handle(style) for _, style in entries], [text for text, _ in entries],
        loc="upper left", bbox_to_anchor=(layout.left / layout.width, 1.0), ncols=len(entries),
        frameon=False, fontsize=9.5 if layout.compact else 10.5, labelcolor=MUTED,
        borderaxespad=0.2, handlelength=1.4, handletextpad=0.5, columnspacing=1.2, borderpad=0.2,
    )  # fmt: skip


def _handle(style: Style) -> Line2D:
    line = "" if "marker" in style else "-"
    return Line2D([], [], **{"linestyle": line, "markersize": 6, **style})  # type: ignore[arg-type]
