"""Hostile text put safely into a judge's prompt.

Three things can go wrong when a model reads another model's answer: the answer closes its own
quotation, it speaks the judge's chat template (``[/INST]`` lets it write the verdict itself), or it
is so long that the question is pushed out. So: a delimiter that is made from the text's own digest
and checked not to be in it, template markers broken, the middle cut out.
"""

from __future__ import annotations

import hashlib
import re

_MARKERS = re.compile(
    r"\[/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|gMASK|sop)\]"
    r"|<</?SYS>>|<\|[^|<>\n]{0,40}\|?>|<[|\uff5c][^<>\n]{0,40}[|\uff5c]>"
    r"|</?(?:s|bos|eos|pad|unk|think|start_of_turn|end_of_turn|turn|tool_call|start_of_image)>"
    r"|<(?:start|end)_of_[a-z]{1,20}>",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"^([ \t>*_]{0,8})(#{2,6}(?=[ \t])|"
    r"(?:human|assistant|user|system|instruction|response|input)(?=[ \t*_]{0,8}:))",
    re.IGNORECASE | re.MULTILINE,
)
_BARS = str.maketrans({"<": "\u2039", ">": "\u203a", "[": "(", "]": ")", "|": "/", "\uff5c": "/"})


def tag(*texts: str) -> str:
    """A word that occurs in none of the texts, made from them alone: the same every time."""
    seed = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        seed.update(len(data).to_bytes(8, "big") + data)
    turn = 0
    while True:
        word = hashlib.sha256(seed.digest() + turn.to_bytes(4, "big")).hexdigest()[:16]
        if not any(word in text for text in texts):
            return word
        turn += 1


def neutral(text: str) -> str:
    """The text with its chat-template markers broken.

    Markers stay readable (``[/INST]`` becomes ``(/INST)``), for they are part of what is judged.
    """
    text = _MARKERS.sub(lambda match: match[0].translate(_BARS), text)
    return _ROLE.sub(lambda m: f"{m[1]}'{m[2]}'", text)


def cut(text: str, most: int) -> str:
    """At most ``most`` characters of a text: two thirds from its head, the rest from its tail."""
    if len(text) <= most:
        return text
    head = most * 2 // 3
    left_out = len(text) - most
    note = f"\n[... {left_out} characters left out here ...]\n"
    return text[:head] + note + text[len(text) - (most - head) :]


def fenced(name: str, word: str, text: str) -> str:
    """The text between ``<name-word>`` and ``</name-word>``, on lines of their own."""
    return f"<{name}-{word}>\n{text}\n</{name}-{word}>"
