"""Scores over the wire: raw completions, probabilities of the next word and of whole answers.

An OpenAI-compatible server that is named by its base URL (vLLM, SGLang, llama.cpp) takes raw text
at ``/completions`` and gives log-probabilities there. A provider's chat endpoint takes messages
only; some give log-probabilities. Nothing here is guessed: what a server does not give is a
failure that says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backslide.core.errors import TargetError
from backslide.core.protocols import JudgeRequest
from backslide.core.records import Completion, Failure, Finish, Request
from backslide.targets.faults import presentable, say

NO_LOGPROBS = "no_logprobs"
TOP = 20
"""The most alternatives for a token that vLLM and OpenAI give."""
TOO_LONG = "too_long"
NO_SUCH_PLACE = frozenset({400, 404, 405, 422, 501})
"""How servers answer a request that they do not know."""
FINISH: Mapping[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "filter"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRequest(JudgeRequest):
    """A judge request for the probabilities of ``words``; its completion holds them as JSON."""

    words: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LikelihoodRequest(Request):
    """A request for the log-probability of ``answer``; its completion holds it as JSON."""

    answer: str


def score_requests(requests: Sequence[Request], words: Sequence[str]) -> list[ScoreRequest]:
    """The same requests, for one new token and the probabilities of ``words`` in its place."""
    return [
        ScoreRequest(
            prompt=r.prompt,
            repeat=r.repeat,
            seed=r.seed,
            sampling=replace(r.sampling, max_tokens=1),
            raw=isinstance(r, JudgeRequest) and r.raw,
            variables=r.variables if isinstance(r, JudgeRequest) else {},
            words=tuple(words),
        )
        for r in requests
    ]


def is_raw(request: Request) -> bool:
    """Whether the text of a request goes to the model as it is."""
    return isinstance(request, JudgeRequest) and request.raw


def extras(request: Request) -> dict[str, Any]:
    """What a judge request adds to Inspect's generation settings."""
    found: dict[str, Any] = {}
    if isinstance(request, ScoreRequest):
        found |= {"logprobs": True, "top_logprobs": TOP}
    if isinstance(request, JudgeRequest) and request.variables:
        found["extra_body"] = {"chat_template_kwargs": dict(request.variables)}
    return found


async def complete(api: Any, request: Request) -> Completion:
    """Ask ``/completions`` with the request's text as it is.

    Args:
        api: Inspect's OpenAI-compatible provider, whose client is used.
        request: a raw request.
    """
    sampling = request.sampling
    more = {"logprobs": TOP} if isinstance(request, ScoreRequest) else {}
    reply = await api.client.completions.create(
        model=api.service_model_name(),
        prompt="\n\n".join(m.content for m in request.prompt.messages),
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        seed=request.seed % 2**31,
        **more,
    )
    if not getattr(reply, "choices", None):
        return Completion(failure=Failure(kind="bad_reply", message="no choices in the reply"))
    choice, usage = reply.choices[0], reply.usage
    if isinstance(request, ScoreRequest):
        tops = getattr(choice.logprobs, "top_logprobs", None) or [None]
        return scored(request, (tops[0] or {}).items())
    return Completion(
        text=choice.text or "",
        prompt_tokens=usage.prompt_tokens if usage else None,
        tokens=usage.completion_tokens if usage else None,
        finish=FINISH.get(str(choice.finish_reason), "unknown"),
    )


def from_chat(request: ScoreRequest, output: Any) -> Completion:
    """The probabilities in Inspect's output of a chat endpoint."""
    if output.empty:
        return Completion(failure=Failure(kind="bad_reply", message="no choices in the reply"))
    content = output.choices[0].logprobs.content if output.choices[0].logprobs else []
    first = content[0] if content else None
    tops = (first.top_logprobs or [first]) if first else []
    return scored(request, ((t.token, t.logprob) for t in tops))


def scored(request: ScoreRequest, found: Iterable[tuple[str, float]]) -> Completion:
    """A completion whose text holds the probability of each word as JSON.

    A word that is not among the most probable tokens gets 0: it is less probable than all of them.
    """
    table = {token: math.exp(logprob) for token, logprob in found}
    if not table:
        message = "the reply holds no probabilities of tokens"
        return Completion(failure=Failure(kind=NO_LOGPROBS, message=message))
    words = {
        w: next((table[s + w] for s in ("", " ", "\u2581", "\u0120") if s + w in table), 0.0)
        for w in request.words
    }
    return Completion(text=json.dumps(words))


def probabilities_of(
    spec: str, completions: Sequence[Completion]
) -> list[Mapping[str, float] | Failure]:
    """What the completions of ``ScoreRequest`` say.

    Raises:
        TargetError: the server gives no probabilities.
    """
    if any(c.failure and c.failure.kind == NO_LOGPROBS for c in completions):
        raise TargetError(
            f"{spec} gives no token probabilities",
            cause="this judge reads them, and the reply holds none",
            hint="use a local model, or a server that gives log-probabilities (vLLM)",
        )
    return [c.failure or json.loads(c.text or "{}") for c in completions]


def likelihood_requests(
    requests: Sequence[Request], answers: Sequence[Sequence[str]]
) -> list[LikelihoodRequest]:
    """One request for each answer, in order.

    Raises:
        ValueError: an empty answer, or another number of answers than of requests.
    """
    if not all(answer for row in answers for answer in row):
        raise ValueError("an empty answer has no likelihood")
    return [
        LikelihoodRequest(
            prompt=r.prompt, repeat=r.repeat, seed=r.seed, sampling=r.sampling, answer=answer
        )
        for r, row in zip(requests, answers, strict=True)
        for answer in row
    ]


async def likelihood(api: Any, request: LikelihoodRequest) -> Completion:
    """The log-probability of an answer, from a vLLM server: the tokens of the conversation and of
    the answer from ``/tokenize`` (beside ``/v1``), then both as the prompt of ``/completions`` with
    ``prompt_logprobs`` 0, which gives that of every prompt token. Other servers are not supported.

    Args:
        api: Inspect's OpenAI-compatible provider, whose client is used.
        request: the conversation and the answer.
    """
    turns = [{"role": m.role, "content": m.content} for m in request.prompt.messages]
    try:
        before, room = await _tokens(api, {"messages": turns, "add_generation_prompt": True})
        said, _ = await _tokens(api, {"prompt": request.answer, "add_special_tokens": False})
        if len(before) + len(said) >= room:
            message = f"conversation and answer are {len(before) + len(said)} tokens of {room}"
            return Completion(failure=Failure(kind=TOO_LONG, message=message))
        reply = await api.client.completions.create(
            model=api.service_model_name(),
            prompt=before + said,
            max_tokens=1,
            temperature=0.0,
            extra_body={"prompt_logprobs": 0},
        )
    except Exception as error:
        if getattr(error, "status_code", None) not in NO_SUCH_PLACE:
            raise
        return _no_likelihood(f"the server answers: {presentable(say(error))}")
    choices = getattr(reply, "choices", None) or [None]
    return _summed(getattr(choices[0], "prompt_logprobs", None), len(before), said)


async def _tokens(api: Any, body: Mapping[str, Any]) -> tuple[list[int], int]:
    """The tokens, and how many the model reads."""
    root = str(api.client.base_url).rstrip("/").removesuffix("/v1")
    whole = {"model": api.service_model_name(), **body}
    reply = await api.client.post(f"{root}/tokenize", body=whole, cast_to=object)
    return [int(t) for t in reply["tokens"]], int(reply["max_model_len"])


def _summed(found: Any, start: int, said: Sequence[int]) -> Completion:
    if not isinstance(found, list) or len(found) != start + len(said) or not said:
        return _no_likelihood("the reply holds no log-probabilities of the prompt's tokens")
    try:
        places = zip(said, found[start:], strict=True)
        total = sum(float(place[str(token)]["logprob"]) for token, place in places)
    except (KeyError, TypeError, ValueError):
        return _no_likelihood("the log-probabilities of the prompt's tokens have another form")
    if not math.isfinite(total):
        return Completion(failure=Failure(kind="not_finite", message="the sum is no number"))
    return Completion(text=json.dumps(total))


def _no_likelihood(message: str) -> Completion:
    return Completion(failure=Failure(kind=NO_LOGPROBS, message=message))


def likelihoods_of(
    spec: str, answers: Sequence[Sequence[str]], completions: Sequence[Completion]
) -> list[Sequence[float] | Failure]:
    """What the completions of ``LikelihoodRequest`` say, by request: its first failure, if any.

    Raises:
        TargetError: the server gives no log-probabilities of answers.
    """
    lost = next(
        (c.failure for c in completions if c.failure and c.failure.kind == NO_LOGPROBS), None
    )
    if lost is not None:
        raise no_likelihoods(spec, lost.message)
    ends = iter(completions)
    rows = [[next(ends) for _ in row] for row in answers]
    return [
        next((c.failure for c in row if c.failure), None)
        or [float(json.loads(c.text or "")) for c in row]
        for row in rows
    ]


def no_likelihoods(spec: str, cause: str) -> TargetError:
    """The error of a model that does not say how probable a given answer is."""
    return TargetError(
        f"{spec} does not give the probability of an answer",
        cause=cause,
        hint="use a local model, or a vLLM server named by its base URL",
    )
