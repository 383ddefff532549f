"""Matplotlib's SVG made fit for an HTML page: no ids that clash, no namespaces, no global style,
and colours that follow the page's CSS variables, so that one drawing serves light and dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#010101", "#010102", "#010103", "#010104"
BASE, TUNED, GOOD, WARN, BAD = "#010105", "#010106", "#010107", "#010108", "#010109"
_VARIABLES = {
    INK: "currentColor", MUTED: "var(--muted)", GRID: "var(--rule)", PAPER: "var(--paper)",
    BASE: "var(--base)", TUNED: "var(--tuned)", GOOD: "var(--good)", WARN: "var(--warn)",
    BAD: "var(--bad)",
}  # fmt: skip
_SENTINEL = re.compile(r"#01010[1-9]")
_SHORTHAND = re.compile(r"(\bbold\b|\b[6-9]00\b)?[^;]*?([\d.]+)px")
_DROPPED = {"metadata", "style"}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "backslide",
    "font.sans-serif": ["DejaVu Sans"],
    "text.parse_math": False,
    "text.usetex": False,
}


def to_svg(draw: Callable[[], Figure], name: str, label: str) -> str:
    """Draw a figure and give it back as an ``<svg>`` element, the same bytes every time.

    Args:
        draw: makes the figure; runs under fixed settings, whatever the user's matplotlibrc says.
        name: makes the ids of this drawing unique on the page.
        label: the text alternative.
    """
    buffer = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Only widths are taken from the font; a glyph that it lacks is drawn by the browser.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        draw().savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    root = ElementTree.fromstring(buffer.getvalue())
    _clean(root, name)
    width, height = root.get("viewBox", "0 0 0 0").split()[2:]
    root.attrib.clear()
    root.attrib.update(
        {"viewBox": f"0 0 {width} {height}", "width": width, "height": height, "role": "img"}
    )
    root.attrib["aria-label"] = label
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element, name: str) -> None:
    element.tag = _local(element.tag)
    for child in list(element):
        if _local(child.tag) in _DROPPED:
            element.remove(child)
        else:
            _clean(child, name)
    attributes = [(_local(key), value) for key, value in element.attrib.items()]
    element.attrib.clear()
    for key, value in attributes:
        element.attrib[key] = _attribute(key, value, name)
    if element.tag == "text" and "style" in element.attrib:
        element.attrib["style"] = _page_font(element.attrib["style"])


def _attribute(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == "href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    value = value.replace("url(#", f"url(#{name}-")
    return _SENTINEL.sub(lambda found: _VARIABLES[found.group()], value)


def _page_font(style: str) -> str:
    """Size and weight stay; the family is the page's own."""
    kept = []
    for declaration in style.split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font":
            found = _SHORTHAND.match(value)
            kept += [f"font-size: {found.group(2)}px"] if found else []
            kept += ["font-weight: 700"] if found and found.group(1) else []
        elif key and key != "font-family":
            kept.append(f"{key}: {value}")
    return "; ".join(kept)


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1]
