"""Remote models, through Inspect AI: every provider it knows, and any OpenAI-compatible server.

``openai/gpt-4o``, ``anthropic/...``, ``openai-api/NAME/MODEL`` as Inspect spells them, or
``openai/MODEL@http://127.0.0.1:8000/v1``, where everything from ``http`` on is the base URL. Keys
come from the provider's environment variable; a server named by its URL may do without one.

Inspect is asked for one answer at a time (``Model.generate``, never ``eval``), with its cache, its
retries and its queue off. The waiting, the retries and the order are ours, so that a dead endpoint
is one clear error within seconds and one failed request is one counted failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import itertools
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from backslide.core.errors import EndpointError, MissingExtra, TargetError
from backslide.core.records import Completion, Failure, Finish, Message, Request
from backslide.targets.faults import LONGEST_WAIT, classify, presentable, retry_after, say
from backslide.targets.scoring import (
    LikelihoodRequest,
    ScoreRequest,
    complete,
    extras,
    from_chat,
    is_raw,
    likelihood,
    likelihood_requests,
    likelihoods_of,
    no_likelihoods,
    probabilities_of,
    score_requests,
)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
NOT_REMOTE = frozenset({"hf", "transformer_lens", "nnterp", "none", "mockllm"})
"""Providers of Inspect that load a model here or none at all, and look things up elsewhere."""
COMPATIBLE = frozenset({"openai", "vllm", "sglang"})
"""With a base URL these are plain OpenAI-compatible servers. Inspect's own ``vllm`` would share one
server between two targets of one model name, so base and tuned could be the same model unseen."""
NO_TOP_P = frozenset({"anthropic", "bedrock"})
"""They reject ``top_p`` beside ``temperature``; 1.0 is their default and is left out."""

RETRIED = {"rate_limit": 1000, "server_error": 1000, "timeout": 1, "bad_reply": 1}
"""The most retries that a kind of failure is worth, besides ``max_retries``."""
DEAD = frozenset({"refused_connection", "auth", "not_found", "quota", "setup"})
DOUBTFUL = frozenset({"bad_reply", "timeout"})
"""A sign of a dead endpoint only where several requests meet it: one prompt can cause one."""
ANSWERED = frozenset({"content_filter"})
HINTS = {
    "refused_connection": "is the server running, and is the address right?",
    "auth": "check the provider's API key in the environment",
    "not_found": "check the model's name; most servers want /v1 at the end of the base URL",
    "quota": "the account has no credit left",
    "setup": "install or configure what the provider needs",
    "bad_reply": "is this an OpenAI-compatible address? Most servers want /v1 at the end",
    "timeout": "the server accepts requests but does not answer; give it more time or less load",
}
FINISH: Mapping[str, Finish] = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "filter",
}


class InspectTarget:
    """A model behind an API.

    Args:
        spec: what the user wrote (see the module's text).
        connections: requests in flight at once.
        timeout_s: the longest wait for one answer.
        connect_timeout_s: the longest wait for one connection.
        max_retries: retries after a rate limit or a server's own error (the provider's SDK, where
            there is one, makes two more by itself, and so obeys ``Retry-After``).
        backoff_s: the wait before the first retry; it doubles each time.

    Raises:
        TargetError: a wrong spec, an unknown provider, a missing key or provider package.
        MissingExtra: Inspect AI is not installed.
    """

    def __init__(
        self,
        spec: str,
        *,
        connections: int = 8,
        timeout_s: float = 120.0,
        connect_timeout_s: float = 5.0,
        max_retries: int = 3,
        backoff_s: float = 1.0,
    ) -> None:
        self.spec = spec
        self._name, self._base_url = parse_endpoint(spec)
        self._connections = max(1, connections)
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._backoff_s = backoff_s
        self.raw = self._base_url is not None and self._name.split("/")[0] in COMPATIBLE
        self._model = _open_model(spec, self._name, self._base_url, connect_timeout_s)
        self._runner: asyncio.Runner | None = asyncio.Runner()
        self._met = False
        self._failed_batches = 0
        client = getattr(self._model.api, "client", None)
        self._where = self._base_url or str(getattr(client, "base_url", "") or "")

    def fingerprint(self) -> Mapping[str, str]:
        """The model's name and address. What weights answer there, only the server knows."""
        return {
            "kind": "inspect",
            "model": self._name,
            "base_url": self._where,
            "inspect_ai": version("inspect_ai"),
        }

    def batches(self, requests: Sequence[Request]) -> Sequence[Sequence[int]]:
        """Plan order, four requests for each connection."""
        size = 4 * self._connections
        return [range(i, min(i + size, len(requests))) for i in range(0, len(requests), size)]

    def generate(self, batch: Sequence[Request]) -> Sequence[Completion]:
        """Answer a batch, in order.

        Raises:
            EndpointError: the first requests all fail in a way that will not pass, or three whole
                batches in a row fail.
        """
        first = [] if self._met else self._ask(batch[: self._connections])
        self._check_first(first)
        results = first + self._ask(batch[len(first) :])
        self._check_batch(results)
        return results

    def probabilities(
        self, requests: Sequence[Request], words: Sequence[str]
    ) -> list[Mapping[str, float] | Failure]:
        """The next-token probabilities of ``words`` (``core.protocols.Scorer``)."""
        asked = score_requests(requests, words)
        found: list[Mapping[str, float] | Failure] = []
        for batch in self.batches(asked):
            found += probabilities_of(self.spec, self.generate([asked[i] for i in batch]))
        return found

    def log_likelihoods(
        self, requests: Sequence[Request], answers: Sequence[Sequence[str]]
    ) -> list[Sequence[float] | Failure]:
        """Log-probabilities of whole answers (``core.protocols.Likelihoods``), from vLLM only."""
        if not self.raw:
            raise no_likelihoods(
                self.spec, "a provider's chat endpoint scores its own answers only"
            )
        asked = likelihood_requests(requests, answers)
        found: list[Completion] = []
        for batch in self.batches(asked):
            part = self.generate([asked[i] for i in batch])
            likelihoods_of(self.spec, [[""]] * len(part), part)  # an early end where there are none
            found += part
        return likelihoods_of(self.spec, answers, found)

    def clip(self, text: str, tokens: int) -> str | None:
        """None: what a server's tokens are is not known here."""
        return None

    def close(self) -> None:
        """Close the connections and the event loop. Twice is as good as once."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        with contextlib.suppress(Exception):
            runner.run(self._model.api.aclose())
        runner.close()

    def _ask(self, requests: Sequence[Request]) -> list[Completion]:
        if self._runner is None:
            raise RuntimeError("the target is closed")
        return self._runner.run(self._answer_all(requests)) if requests else []

    async def _answer_all(self, requests: Sequence[Request]) -> list[Completion]:
        gate = asyncio.Semaphore(self._connections)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._answer(r, gate)) for r in requests]
        return [task.result() for task in tasks]

    async def _answer(self, request: Request, gate: asyncio.Semaphore) -> Completion:
        """One answer, after as many retries as its failures are worth."""
        async with gate:
            for attempt in itertools.count():
                try:
                    return await self._answer_once(request)
                except Exception as error:
                    failure, asked = classify(error, self._timeout_s), retry_after(error)
                if attempt >= min(self._max_retries, RETRIED.get(failure.kind, 0)):
                    return Completion(failure=failure)
                await asyncio.sleep(min(asked or self._backoff_s * 2**attempt, LONGEST_WAIT))
        raise AssertionError("the loop above only ends by returning")

    async def _answer_once(self, request: Request) -> Completion:
        async with asyncio.timeout(self._timeout_s):
            if isinstance(request, LikelihoodRequest):
                return await likelihood(self._model.api, request)
            if self.raw and is_raw(request):
                return await complete(self._model.api, request)
            output = await self._model.generate(
                _messages(request.prompt.messages), config=self._config(request), cache=False
            )
        return (
            from_chat(request, output) if isinstance(request, ScoreRequest) else _completion(output)
        )

    def _config(self, request: Request) -> Any:
        """Generation settings. The seed is folded to 31 bits, which every server accepts, and
        ``reasoning_summary`` saves Inspect's own probing request to reasoning models."""
        from inspect_ai.model import GenerateConfig

        sampling = request.sampling
        plain = sampling.top_p == 1.0 and self._name.split("/")[0] in NO_TOP_P
        return GenerateConfig(
            max_tokens=sampling.max_tokens,
            temperature=sampling.temperature,
            top_p=None if plain else sampling.top_p,
            seed=request.seed % 2**31,
            reasoning_summary="none",
            max_retries=0,
            max_connections=1000,
            **extras(request),
        )

    def _check_first(self, first: Sequence[Completion]) -> None:
        kinds = {c.failure.kind if c.failure else "" for c in first}
        fatal = DEAD | DOUBTFUL if len(first) > 1 else DEAD
        if first and kinds <= fatal:
            raise self._dead(first, "none of the first requests was answered")
        self._met = True

    def _check_batch(self, results: Sequence[Completion]) -> None:
        lost = bool(results) and all(c.failure and c.failure.kind not in ANSWERED for c in results)
        self._failed_batches = self._failed_batches + 1 if lost else 0
        if self._failed_batches >= 3:
            self._failed_batches = 0
            raise self._dead(results, "three batches in a row were not answered")

    def _dead(self, results: Sequence[Completion], what: str) -> EndpointError:
        counts = Counter(c.failure for c in results if c.failure)
        failure, times = counts.most_common(1)[0]
        hint = HINTS.get(failure.kind, "see the provider's status page, then try again")
        return EndpointError(
            f"{self.spec}: {what}",
            cause=f"{failure.kind}, {times} of {len(results)} times: {failure.message}",
            hint=f"{hint}. Answers so far are kept; the same command goes on from there",
        )


def parse_endpoint(spec: str) -> tuple[str, str | None]:
    """The model's name for Inspect and the base URL, if there is one."""
    name, at, rest = spec.removeprefix("inspect:").strip().partition("@http")
    base_url = "http" + rest.rstrip("/") if at else None
    if not name.strip("/"):
        raise TargetError(f"no model named in {spec!r}", hint="openai/MODEL@http://HOST:PORT/v1")
    if base_url is not None:
        _check_url(base_url)
    if "/" not in name:
        if base_url is None:
            raise TargetError(f"no provider named in {spec!r}", hint="PROVIDER/MODEL")
        name = f"openai/{name}"
    if name.split("/")[0] in NOT_REMOTE:
        raise TargetError(
            f"not a remote model: {spec}", hint="name the model itself, without inspect: or hf/"
        )
    return name, base_url


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TargetError(f"not a base URL: {url}", hint="for example http://127.0.0.1:8000/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise TargetError(
            f"a base URL is only an address: {parts.scheme}://{parts.hostname}/...",
            cause="it holds a user, a password, a query or a fragment, and it would be recorded",
            hint="give the key in the provider's environment variable",
        )


def _messages(messages: Sequence[Message]) -> list[Any]:
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    roles = {
        "system": ChatMessageSystem,
        "user": ChatMessageUser,
        "assistant": ChatMessageAssistant,
    }
    return [roles[m.role](content=m.content) for m in messages]


def _completion(output: Any) -> Completion:
    """Inspect's output as ours: the final text only, and never a provider's error as an answer."""
    if output.empty:
        return Completion(failure=Failure(kind="bad_reply", message="no choices in the reply"))
    text, reason, usage = final_text(output.message.text), output.stop_reason, output.usage
    if reason in ("content_filter", "model_length") and (not text or _not_the_model(output)):
        kind = "content_filter" if reason == "content_filter" else "error"
        return Completion(failure=Failure(kind=kind, message=presentable(text or reason)))
    return Completion(
        text=text,
        prompt_tokens=_prompt_tokens(usage) if usage else None,
        tokens=usage.output_tokens if usage else None,
        finish=FINISH.get(reason, "unknown"),
    )


def _not_the_model(output: Any) -> bool:
    """Inspect turns some HTTP errors into outputs whose text is the error message; such an output
    has an error, or no response behind it, or a response for which nothing was generated."""
    if output.error or getattr(output, "response_id", None) is None:
        return True
    return output.usage is not None and output.usage.output_tokens == 0


def _prompt_tokens(usage: Any) -> int:
    cached = (usage.input_tokens_cache_read or 0) + (usage.input_tokens_cache_write or 0)
    return int(usage.input_tokens) + cached


def final_text(text: str) -> str:
    """The answer without the thinking before it, closed or cut off by the token limit."""
    opened, closed = text.find("<think"), text.find("</think>")
    leading = opened >= 0 and not text[:opened].strip()
    if leading and closed < 0:
        return ""
    if closed >= 0 and (leading or opened < 0 or closed < opened):
        return text.rpartition("</think>")[2].strip()
    return text


def _open_model(spec: str, name: str, base_url: str | None, connect_timeout_s: float) -> Any:
    try:
        from inspect_ai.model import get_model
    except ImportError:
        raise MissingExtra(f"the target {spec}", "api") from None
    os.environ.setdefault("INSPECT_HTTP_CONNECT_TIMEOUT", str(connect_timeout_s))
    os.environ.setdefault("INSPECT_HTTP_CONNECT_RETRIES", "0")
    provider = name.split("/", maxsplit=1)[0]
    asked = f"openai-api/{name}" if base_url and provider in COMPATIBLE else name
    with _guarded():
        try:
            args = _direct(base_url, connect_timeout_s) if asked != name else {}
            try:
                return get_model(asked, base_url=base_url, memoize=False, **args)
            except Exception as error:
                if not base_url or "defined in the environment" not in say(error):
                    raise
            return get_model(asked, base_url=base_url, api_key="none", memoize=False, **args)
        except Exception as error:
            raise _cannot_open(spec, provider, error) from None


def _direct(base_url: str | None, connect_timeout_s: float) -> dict[str, Any]:
    """A client that leaves out the environment's proxy for a server on this machine."""
    if base_url is None or urlsplit(base_url).hostname not in LOOPBACK:
        return {}
    from openai import DefaultAsyncHttpxClient, Timeout

    timeout = Timeout(LONGEST_WAIT * 10, connect=connect_timeout_s)
    return {"http_client": DefaultAsyncHttpxClient(trust_env=False, timeout=timeout)}


@contextlib.contextmanager
def _guarded() -> Iterator[None]:
    """Inspect may replace the process's exception hook, print to stdout and load the telemetry
    hook that INSPECT_TELEMETRY names: none of that here."""
    hook, telemetry = sys.excepthook, os.environ.pop("INSPECT_TELEMETRY", None)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.excepthook = hook
        if telemetry is not None:
            os.environ["INSPECT_TELEMETRY"] = telemetry


def _cannot_open(spec: str, provider: str, error: Exception) -> TargetError:
    said = presentable(say(error)).removeprefix("ERROR: ")
    pip = re.search(r"pip install \S.*", said)
    key = re.search(r"No ([A-Z0-9_]+)", said)
    if "not recognized" in said:
        known = _providers()
        near = difflib.get_close_matches(provider, known, n=1)
        guess = f"did you mean {near[0]}/...?" if near else f"known are: {', '.join(known)}"
        return TargetError(f"no such provider: {provider}", cause=f"in {spec}", hint=guess)
    hint = pip.group(0) if pip else None
    if key and not pip:
        hint = f"export {key.group(1)}=..., or name a server: openai/MODEL@http://HOST:PORT/v1"
    return TargetError(f"cannot open {spec}", cause=said, hint=hint)


def _providers() -> list[str]:
    try:
        from inspect_ai._util.registry import registry_find, registry_info
    except ImportError:
        return ["openai", "anthropic", "openai-api", "vllm"]
    infos = [registry_info(o) for o in registry_find(lambda info: info.type == "modelapi")]
    return sorted({i.name.split("/")[-1] for i in infos} - NOT_REMOTE)
