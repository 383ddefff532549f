"""Hostile text made harmless: every name, reason and answer may come from a model or its data.

``visible`` shows what was hidden (HTML, Markdown), ``stripped`` removes it (terminal, XML).
Escaping for a format is a second step and belongs to that format's renderer.
"""

from __future__ import annotations

import re
import unicodedata

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC: titles, links
    r"|\x1b[ -/]*[0-~]"  # two-character escapes
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI as one C1 character
)
_KEPT_FORMATS = "\u200c\u200d"
"""Zero-width joiners spell words in Persian and Indic scripts and join emoji."""
_NONCHARACTERS = "\ufffe\uffff"
_ASCII = {
    "\u2212": "-", "\u2013": "-", "\u2014": "-", "\u2026": "...", "\u2264": "<=", "\u2265": ">=",
    "\u00b1": "+/-", "\u00d7": "x", "\u00b7": "-", "\u2022": "*", "\u2192": "->", "\u2713": "ok",
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u202f": " ",
}  # fmt: skip
_ASCII_TABLE = str.maketrans(_ASCII)


def visible(text: str) -> str:
    """The text with every invisible or dangerous character shown as a mark; line breaks stay."""
    text = text.replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(c if _is_plain(c) else _mark(c) for c in text)


def stripped(text: str) -> str:
    """The text without terminal escapes, control characters and direction overrides."""
    text = _ANSI.sub("", text.replace("\r\n", "\n"))
    return "".join(c if _is_plain(c) else _space(c) for c in text)


def one_line(text: str) -> str:
    """``stripped`` with all white space, line breaks included, folded to single spaces."""
    return " ".join(stripped(text).split())


def ascii_only(text: str) -> str:
    """For streams that are not UTF-8: signs get their ASCII spelling, the rest an escape."""
    return text.translate(_ASCII_TABLE).encode("ascii", "backslashreplace").decode("ascii")


def cut(text: str, limit: int) -> tuple[str, int]:
    """The first ``limit`` characters and how many were left out."""
    return text[:limit], max(0, len(text) - limit)


def _is_plain(character: str) -> bool:
    if character in "\n\t" or character in _KEPT_FORMATS:
        return True
    if character in _NONCHARACTERS:
        return False
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _mark(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if unicodedata.category(character) == "Cs":
        return "\ufffd"
    return f"\u27e8U+{code:04X}\u27e9"


def _space(character: str) -> str:
    if unicodedata.category(character) == "Cs":
        return "\ufffd"
    return " " if character in "\r\v\f\x85\u2028\u2029" else ""
