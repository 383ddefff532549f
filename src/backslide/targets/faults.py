"""Why a remote model gave no answer, in a stable word and a message that is fit to store."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Sequence

from backslide.core.records import Failure

SECRET_NAME = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD)(_|$)", re.IGNORECASE)
UNREACHED = frozenset({"ConnectError", "ConnectTimeout", "ConnectionRefusedError", "gaierror"})
BY_NAME = {
    **dict.fromkeys(
        ("RemoteProtocolError", "ReadError", "WriteError", "APIConnectionError", "ConnectionError"),
        "server_error",
    ),
    "PrerequisiteError": "setup",
    **dict.fromkeys(
        ("APIResponseValidationError", "ValidationError", "JSONDecodeError", "UnicodeDecodeError"),
        "bad_reply",
    ),
    **dict.fromkeys(("AssertionError", "TypeError", "AttributeError", "LookupError"), "bad_reply"),
}
"""Names of exception classes, their bases included; SDKs differ, their vocabulary hardly does. The
last line is what parsers of replies raise when the reply has another shape."""
BY_CODE = {"rate_limit_exceeded": "rate_limit", "server_error": "server_error"}
STATUS = {401: "auth", 403: "auth", 404: "not_found", 408: "timeout", 429: "rate_limit"}
LONGEST_WAIT = 60.0


def classify(error: BaseException, timeout_s: float | None = None) -> Failure:
    """Read an exception from Inspect or a provider's SDK as a failure of a known kind."""
    chain = _chain(error)
    message = next((t for t in (say(e) for e in chain) if t), type(chain[-1]).__name__)
    kind = _kind(chain, message.lower())
    if kind == "refused_connection":
        message = "; ".join(dict.fromkeys(say(e) for e in chain if say(e)))
    if kind == "timeout" and timeout_s is not None:
        message = f"no answer within {timeout_s:g} s"
    if kind == "bad_reply":
        message = f"not a chat completion: {message}"
    return Failure(kind=kind, message=presentable(message))


def presentable(text: str) -> str:
    """One line of at most 300 characters, without markup and without the environment's secrets."""
    for secret in _secrets():
        text = text.replace(secret, "***")
    if "<html" in text.lower() or "<!doctype" in text.lower():
        text = "(an HTML page) " + re.sub(r"<[^<>]*>", " ", text)
    text = " ".join(text.split())
    return text if len(text) <= 300 else text[:299] + "…"


def _kind(chain: Sequence[BaseException], message: str) -> str:
    names = {cls.__name__ for e in chain for cls in type(e).__mro__}
    if names & UNREACHED:
        return "refused_connection"
    status = next((s for s in (_status(e) for e in chain) if s is not None), None)
    if status is not None:
        return _kind_of_status(status, message)
    if any("Timeout" in name for name in names):
        return "timeout"
    if "non-chatcompletion" in message:
        return "bad_reply"
    code = str(getattr(chain[0], "code", None))
    return next(
        (kind for name, kind in BY_NAME.items() if name in names), BY_CODE.get(code, "error")
    )


def _kind_of_status(status: int, message: str) -> str:
    if status == 429 and ("insufficient_quota" in message or "current quota" in message):
        return "quota"
    if status == 400 and ("content_filter" in message or "content management policy" in message):
        return "content_filter"
    return STATUS.get(status, "server_error" if status >= 500 else "error")


def _status(error: BaseException) -> int | None:
    for value in (getattr(error, "status_code", None), getattr(error, "code", None)):
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    return None


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and its causes, without the wrappers of Inspect and of its retries."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        attempt = getattr(current, "last_attempt", None)
        current = attempt.exception() if attempt is not None else current.__cause__
    wrappers = {"RetryError", "ModelGenerateError"}
    return [e for e in chain if type(e).__name__ not in wrappers] or chain


def say(error: BaseException) -> str:
    """What an exception says, without the markup that Inspect writes for the terminal."""
    text = str(getattr(error, "message", "") or error)
    return re.sub(r"\[/?[a-z]+( [a-z]+)*\]", "", text) if "[/" in text else text


def retry_after(error: BaseException) -> float | None:
    """The wait that the server asked for, in seconds, if it asked for one."""
    for e in _chain(error):
        headers = getattr(getattr(e, "response", None), "headers", None)
        if headers is not None:
            with contextlib.suppress(TypeError, ValueError, AttributeError):
                return max(0.0, float(headers.get("retry-after")))
    return None


def _secrets() -> list[str]:
    found = {v for k, v in os.environ.items() if SECRET_NAME.search(k) and len(v) >= 4}
    return sorted(found | {json.dumps(v)[1:-1] for v in found}, key=len, reverse=True)
