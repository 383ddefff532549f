"""Likelihoods from a server that speaks vLLM's ``/tokenize`` and ``prompt_logprobs``, on loopback.

The server is small but real: tokens are bytes, and the log-probability of a byte follows from it
and the one before, so that the right sum can be computed here.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("inspect_ai")

from backslide.core.errors import EndpointError, TargetError
from backslide.core.protocols import Likelihoods
from backslide.core.records import Failure, Message, Prompt, Request, Sampling
from backslide.targets.inspect import InspectTarget

ROOM = 200
FAST: dict[str, Any] = {"max_retries": 0, "timeout_s": 20.0}


def logprob(before: int, token: int) -> float:
    return -((before * 7 + token) % 11) / 4 - 0.1


def rendered(messages: list[dict[str, str]]) -> bytes:
    return ("".join(f"<{m['role']}>{m['content']}" for m in messages) + "<assistant>").encode()


class Server:
    """``mode``: what is wrong with it, if anything."""

    def __init__(self, mode: str = "") -> None:
        self.mode = mode
        self.paths: list[str] = []
        self.base_url = ""

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path == "/tokenize":
            if self.mode == "no tokenize":
                return 404, {"detail": "Not Found"}
            if self.mode == "other tokens":
                return 200, {"pieces": []}
            text = rendered(body["messages"]) if "messages" in body else body["prompt"].encode()
            extra = [0] if body.get("add_special_tokens") else []
            return 200, {"tokens": [*extra, *text], "count": len(text), "max_model_len": ROOM}
        if path == "/v1/completions":
            return 200, self._completion(body["prompt"], body.get("prompt_logprobs"))
        return 404, {"detail": f"no {path}"}

    def _completion(self, tokens: list[int], wanted: int | None) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "text": "x", "finish_reason": "length"}
        if wanted == 0 and self.mode != "no logprobs":
            pairs = itertools.pairwise(tokens)
            choice["prompt_logprobs"] = [None] + [
                {str(t): {"logprob": logprob(b, t), "rank": 1, "decoded_token": chr(t)}}
                for b, t in pairs
            ]
        if self.mode == "other form":
            choice["prompt_logprobs"] = [0.5] * len(tokens)
        if self.mode == "too few":
            choice["prompt_logprobs"] = choice["prompt_logprobs"][:-1]
        if self.mode == "nan":
            choice["prompt_logprobs"][-1] = {str(tokens[-1]): {"logprob": math.nan}}
        return {"id": "1", "object": "text_completion", "created": 1, "model": "m",
                "choices": [choice]}  # fmt: skip


@contextlib.contextmanager
def serving(mode: str = "") -> Iterator[Server]:
    server = Server(mode)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.paths.append(self.path)
            status, reply = server.answer(self.path, body)
            payload = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.base_url = f"http://127.0.0.1:{httpd.server_address[1]}/v1"
    try:
        yield server
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def request(text: str, system: str | None = None) -> Request:
    before = (Message(role="system", content=system),) if system else ()
    prompt = Prompt(
        id=text,
        messages=(*before, Message(role="user", content=text)),
        suite="t",
        category="t",
        expects="help",
        cluster=text,
    )
    return Request(prompt=prompt, repeat=0, seed=0, sampling=Sampling())


def expected(r: Request, answer: str) -> float:
    turns = [{"role": m.role, "content": m.content} for m in r.prompt.messages]
    said, before = answer.encode(), rendered(turns)
    chain = [before[-1], *said]
    return sum(logprob(b, t) for b, t in itertools.pairwise(chain))


def scores(mode: str, requests: list[Request], answers: list[list[str]]) -> Any:
    with serving(mode) as server:
        target = InspectTarget(f"openai/m@{server.base_url}", **FAST)
        try:
            assert isinstance(target, Likelihoods)
            return target.log_likelihoods(requests, answers)
        finally:
            target.close()


def test_the_sum_is_over_the_answer_after_the_generation_prompt() -> None:
    requests = [request("Which?", "Be brief."), request("Größe?"), request("None?")]
    answers = [["A", "The second one."], ["Übergröße"], []]
    found = scores("", requests, answers)
    assert [len(row) for row in found] == [2, 1, 0]
    assert found[0] == pytest.approx([expected(requests[0], a) for a in answers[0]])
    assert found[1] == pytest.approx([expected(requests[1], "Übergröße")])


def test_many_answers_keep_their_order() -> None:
    requests = [request(f"Q{i}") for i in range(20)]
    answers = [[f"a{i}", f"b{i}"] for i in range(20)]
    found = scores("", requests, answers)
    for r, row, values in zip(requests, answers, found, strict=True):
        assert values == pytest.approx([expected(r, a) for a in row])


def test_what_does_not_fit_fails_alone() -> None:
    found = scores("", [request("Q"), request("R")], [["A", "x" * ROOM], ["B"]])
    assert isinstance(found[0], Failure)
    assert found[0].kind == "too_long"
    assert found[1] == pytest.approx([expected(request("R"), "B")])


@pytest.mark.parametrize("mode", ["no tokenize", "no logprobs", "other form", "too few"])
def test_a_server_that_cannot_do_it_is_a_clear_error(mode) -> None:
    with pytest.raises(TargetError, match="does not give the probability") as caught:
        scores(mode, [request("Q")], [["A", "B"]])
    assert caught.value.cause
    assert "vLLM" in (caught.value.hint or "")


def test_a_reply_of_another_form_is_no_number() -> None:
    with pytest.raises(EndpointError):
        scores("other tokens", [request("Q"), request("R")], [["A"], ["B"]])


def test_nan_is_a_failure() -> None:
    [row] = scores("nan", [request("Q")], [["A"]])
    assert isinstance(row, Failure)
    assert row.kind == "not_finite"


def test_an_empty_answer_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="empty"):
        scores("", [request("Q")], [[""]])


def test_a_provider_without_a_base_url_is_refused_before_any_request(monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    target = InspectTarget("openai/gpt-4o", **FAST)
    try:
        with pytest.raises(TargetError, match="does not give the probability"):
            target.log_likelihoods([request("Q")], [["A"]])
    finally:
        target.close()
