from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from loopback import Reply, chat, echo, error, request, serving

from backslide.core.errors import EndpointError, MissingExtra, TargetError
from backslide.core.protocols import Target
from backslide.targets.faults import classify, presentable
from backslide.targets.inspect import InspectTarget, final_text, parse_endpoint

FAST = {"max_retries": 1, "backoff_s": 0.02, "timeout_s": 20.0}
HTML = Reply(b"<!doctype html><html><body>Welcome to nginx</body></html>", content_type="text/html")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ABC_API_KEY", "INSPECT_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.05)


@pytest.fixture
def ask():
    """Ask a server that answers as told; gives the completions, the server and the target."""
    opened = []

    def run(answer, requests, **options):
        serve = serving(answer)
        server = serve.__enter__()
        target = InspectTarget(f"openai/m@{server.base_url}", **{**FAST, **options})
        opened.extend([(target.close, ()), (serve.__exit__, (None, None, None))])
        try:
            return target.generate(requests), server
        finally:
            run.target, run.server = target, server

    yield run
    for close, arguments in opened:
        close(*arguments)


def many(n: int):
    return [request(f"p{i}") for i in range(n)]


def after_ok(reply):
    """A server that answers the first request and sends ``reply`` to every other."""
    return lambda call, number: chat("fine") if call.prompt == "ok" else reply


def second(ask, reply, **options):
    """The completion of a request that meets ``reply``, beside one that is answered."""
    got, _ = ask(after_ok(reply), [request("ok"), request("bad")], **options)
    assert got[0].text == "fine"
    return got[1]


# What a spec may say


@pytest.mark.parametrize(
    ("spec", "name", "url"),
    [
        ("openai/gpt-4o", "openai/gpt-4o", None),
        ("inspect:google/gemini", "google/gemini", None),
        ("openai-api/abc/org/m", "openai-api/abc/org/m", None),
        ("openai/m@http://127.0.0.1:8000/v1", "openai/m", "http://127.0.0.1:8000/v1"),
        ("openai/org/m@https://h/v1/", "openai/org/m", "https://h/v1"),
        ("llama3:8b@http://[::1]:11434/v1", "openai/llama3:8b", "http://[::1]:11434/v1"),
    ],
)
def test_the_grammar(spec, name, url):
    assert parse_endpoint(spec) == (name, url)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("@http://h/v1", "no model named"),
        ("inspect:", "no model named"),
        ("gpt-4o", "no provider named"),
        ("openai/m@http://", "not a base URL"),
        ("openai/m@httpx://h", "not a base URL"),
        ("openai/m@http://user:hunter2@h/v1", "only an address"),
        ("openai/m@http://h/v1?key=hunter2", "only an address"),
        ("hf/org/m", "not a remote model"),
        ("mockllm/model", "not a remote model"),
    ],
)
def test_a_wrong_spec_is_an_error_that_repeats_no_secret(spec, says):
    with pytest.raises(TargetError, match=says) as caught:
        parse_endpoint(spec)
    assert "hunter2" not in f"{caught.value.message} {caught.value.cause} {caught.value.hint}"


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("opnai/gpt-4o", "did you mean openai/"),
        ("zzz/m", "anthropic"),
        ("openai-api/abc/m", "export ABC_API_KEY"),
        ("openai/gpt-4o", "export OPENAI_API_KEY"),
        ("mistral/m", "pip install mistralai"),
    ],
)
def test_what_cannot_be_opened_says_what_to_do(spec, hint):
    with pytest.raises(TargetError) as caught:
        InspectTarget(spec)
    assert hint in caught.value.hint
    assert "[" not in str(caught.value.cause)


def test_without_inspect_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "inspect_ai", None)
    monkeypatch.setitem(sys.modules, "inspect_ai.model", None)
    with pytest.raises(MissingExtra) as caught:
        InspectTarget("openai/m@http://127.0.0.1:9/v1")
    assert caught.value.hint == "pip install 'backslide[api]'"


def test_importing_the_module_does_not_import_inspect():
    code = "import sys, backslide.targets.inspect; sys.exit('inspect_ai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Good answers


def test_a_good_answer_and_what_was_sent(ask, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    asked = request("hi", system="be brief", seed=2**62 + 5, temperature=0.7)
    (got,), server = ask(echo, [asked])
    assert (got.text, got.finish, got.prompt_tokens, got.tokens) == ("echo hi", "stop", 7, 3)
    (call,) = server.calls
    sent = {k: call.body[k] for k in ("model", "max_tokens", "temperature", "top_p", "seed")}
    assert sent == {"model": "m", "max_tokens": 64, "temperature": 0.7, "top_p": 1.0, "seed": 5}
    assert [m["role"] for m in call.body["messages"]] == ["system", "user"]
    assert call.authorization == "Bearer sk-from-the-environment"


def test_greedy_is_temperature_zero_and_a_local_server_needs_no_key(ask):
    _, server = ask(echo, [request("hi")])
    assert server.calls[0].body["temperature"] == 0.0
    assert server.calls[0].authorization == "Bearer none"


def test_order_is_kept_and_connections_are_bounded(ask):
    draw = random.Random(1)
    delays = [draw.uniform(0, 0.1) for _ in range(40)]

    def answer(call, number):
        reply = echo(call, number)
        reply.delay = delays[number % 40]
        return reply

    got, server = ask(answer, many(40), connections=5)
    assert [c.text for c in got] == [f"echo p{i}" for i in range(40)]
    assert 3 <= server.most_at_once <= 5


def test_repeats_are_asked_each_and_nothing_is_cached(ask):
    got, server = ask(
        lambda call, n: chat(f"answer {n}"), [request("a", repeat=r) for r in range(4)]
    )
    assert len({c.text for c in got}) == 4 == len(server.calls)


def test_several_batches_and_two_targets_in_turn(ask):
    ask(echo, many(3))
    one = ask.target
    ask(lambda call, n: chat("other server"), many(3))
    two = ask.target
    for _ in range(2):
        assert [c.text for c in one.generate(many(2))] == ["echo p0", "echo p1"]
        assert [c.text for c in two.generate(many(2))] == ["other server"] * 2


@pytest.mark.parametrize("provider", ["vllm", "sglang", "openai-api/abc", "openai"])
def test_one_model_name_on_two_servers_stays_two_models(provider):
    with (
        serving(lambda call, n: chat("base")) as a,
        serving(lambda call, n: chat("tuned")) as b,
    ):
        targets = [InspectTarget(f"{provider}/m@{s.base_url}", **FAST) for s in (a, b)]
        assert [t.generate(many(1))[0].text for t in targets] == ["base", "tuned"]
        for target in targets:
            target.close()


def test_a_proxy_never_sees_what_goes_to_this_machine(ask, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(echo, many(1))[0][0].text == "echo p0"


def test_it_is_a_target_with_a_fingerprint(ask):
    ask(echo, many(1))
    target = ask.target
    assert isinstance(target, Target)
    print_ = target.fingerprint()
    assert {k: print_[k] for k in ("kind", "model", "base_url")} == {
        "kind": "inspect",
        "model": "openai/m",
        "base_url": ask.server.base_url,
    }
    assert print_["inspect_ai"] and print_ == target.fingerprint()
    assert [len(b) for b in target.batches(many(70))] == [32, 32, 6]
    target.close()
    target.close()


def test_the_address_behind_a_provider_is_in_the_fingerprint(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.example/v1")
    target = InspectTarget("openai/gpt-4o")
    assert target.fingerprint()["base_url"].startswith("http://elsewhere.example/v1")
    target.close()


# Finish reasons and thinking


@pytest.mark.parametrize(
    ("sent", "finish"), [("stop", "stop"), ("length", "length"), ("odd", "unknown")]
)
def test_finish_reasons(ask, sent, finish):
    assert ask(lambda c, n: chat("x", sent), many(1))[0][0].finish == finish


def test_a_filtered_answer_keeps_its_text(ask):
    (got,), _ = ask(lambda c, n: chat("The first step is", "content_filter"), many(1))
    assert (got.text, got.finish) == ("The first step is", "filter")


def test_a_filtered_answer_without_text_is_a_failure(ask):
    (got,), _ = ask(lambda c, n: chat(None, "content_filter"), many(1))
    assert got.failure.kind == "content_filter"


def test_a_blocked_prompt_is_a_failure_and_not_the_models_answer(ask):
    blocked = error(400, "The response was filtered by the policy", code="content_filter")
    got, _ = ask(lambda c, n: blocked, many(3))
    assert {c.failure.kind for c in got} == {"content_filter"}
    assert "filtered" in got[0].failure.message


def test_a_prompt_that_is_too_long_is_a_failure_and_not_an_answer(ask):
    got = second(ask, error(400, "maximum context is 10", code="context_length_exceeded"))
    assert (got.failure.kind, got.text) == ("error", None)
    assert "maximum context" in got.failure.message


def test_an_empty_answer_is_an_answer(ask):
    assert ask(lambda c, n: chat(""), many(1))[0][0].text == ""


def test_a_structured_refusal_is_text(ask):
    (got,), _ = ask(lambda c, n: chat(None, refusal="I can't help with that."), many(1))
    assert got.text == "I can't help with that."


def test_thinking_in_its_own_field_is_dropped(ask):
    (got,), _ = ask(lambda c, n: chat("No.", reasoning_content="Should I?"), many(1))
    assert got.text == "No."


THOUGHTS = [
    ("<think>hm</think>\nNo.", "No."),
    ("hm, so</think>No.", "No."),
    ("<think>hm", ""),
    ("<think>all</think>", ""),
    ("plain", "plain"),
]


@pytest.mark.parametrize(("text", "final"), THOUGHTS)
def test_thinking_in_the_text_is_dropped(text, final):
    assert final_text(text) == final


def test_a_text_about_thinking_is_left_alone():
    text = "The tags <think> and </think> mark it."
    assert final_text(text) == text and final_text("") == ""


def test_thinking_is_dropped_from_a_servers_answers(ask):
    got, _ = ask(lambda call, n: chat(call.prompt), [request(text) for text, _ in THOUGHTS])
    assert [c.text for c in got] == [final for _, final in THOUGHTS]


# Failures


def test_a_server_error_is_retried_until_it_passes(ask):
    replies = [error(500, "oops")] * 4 + [chat("at last")]
    got, server = ask(lambda c, n: replies[n], many(1), max_retries=2)
    assert got[0].text == "at last" and len(server.calls) == 5


def test_a_lasting_server_error_is_a_failure(ask):
    got = second(ask, error(503, "loading"), max_retries=0)
    assert got.failure.kind == "server_error" and "loading" in got.failure.message


def test_a_rate_limit_waits_as_long_as_it_was_asked_to(ask):
    limited = error(429, "slow down")
    limited.headers["Retry-After"] = "1"
    got, server = ask(lambda c, n: limited if n == 0 else chat("ok"), many(1))
    assert got[0].text == "ok"
    assert server.calls[1].at - server.calls[0].at >= 0.9


def test_a_lasting_rate_limit_and_an_empty_account(ask):
    assert second(ask, error(429, "slow down"), max_retries=0).failure.kind == "rate_limit"
    assert second(ask, error(429, "insufficient_quota")).failure.kind == "quota"


def test_a_server_that_hangs_is_a_timeout(ask):
    slow = chat("too late")
    slow.delay = 30
    start = time.monotonic()
    got = second(ask, slow, timeout_s=2.0, max_retries=0)
    assert (got.failure.kind, got.failure.message) == ("timeout", "no answer within 2 s")
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (HTML, "bad_reply"),
        (Reply(b'{"id": "x", "choices": [{"index"'), "bad_reply"),
        (Reply(b"not json at all"), "bad_reply"),
        (Reply(b'"a string"'), "bad_reply"),
        (Reply(b"[]"), "bad_reply"),
        (Reply({"hello": "world"}), "bad_reply"),
        (Reply(b"\xff\xfe\x00"), "bad_reply"),
        (Reply({**chat("x").body, "choices": []}), "bad_reply"),
        (error(401, "bad key"), "auth"),
        (error(403, "not you"), "auth"),
        (error(404, "no such model"), "not_found"),
        (error(400, "no such parameter"), "error"),
        (Reply(HTML.body, status=502, content_type="text/html"), "server_error"),
    ],
)
def test_each_fault_is_a_failure_of_its_kind(ask, reply, kind):
    failure = second(ask, reply, max_retries=0).failure
    assert failure.kind == kind and 0 < len(failure.message) <= 300
    assert "<" not in failure.message


def test_a_dropped_connection_is_a_server_error(ask):
    torn = chat("x")
    torn.headers["Content-Length"] = "999999"
    torn.headers["Connection"] = "close"
    assert second(ask, torn, max_retries=0, timeout_s=5).failure.kind in ("server_error", "timeout")


def test_the_prompt_and_the_secret_are_in_no_message(ask, monkeypatch):
    key = "sk-" + "verysecret" * 40
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("MY_SERVICE_TOKEN", 'quote"tok\\en')
    said = error(400, f'key {key} and quote"tok\\en are not valid ' + "x" * 500)
    message = second(ask, said).failure.message
    assert "verysecret" not in message and "tok\\en" not in message and "***" in message
    assert len(message) == 300 and "bad" not in message.split()
    with pytest.raises(EndpointError) as caught:
        ask(lambda c, n: error(401, f"wrong key {key}"), many(2))
    assert "verysecret" not in f"{caught.value} {caught.value.cause} {caught.value.hint}"


# Dead endpoints


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_an_unreachable_server_is_one_clear_error_within_seconds():
    target = InspectTarget(f"openai/m@http://127.0.0.1:{closed_port()}/v1")
    start = time.monotonic()
    with pytest.raises(EndpointError) as caught:
        target.generate(many(32))
    assert time.monotonic() - start < 15
    assert "refused_connection, 8 of 8 times" in caught.value.cause
    assert "running" in caught.value.hint and "same command" in caught.value.hint
    assert caught.value.exit_code == 2
    target.close()


def test_a_server_that_takes_no_connection_is_unreachable_too():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        target = InspectTarget(f"openai/m@http://127.0.0.1:{address[1]}/v1", connect_timeout_s=0.5)
        start = time.monotonic()
        with pytest.raises(EndpointError, match="none of the first"):
            target.generate(many(4))
        assert time.monotonic() - start < 15
        target.close()
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [(HTML, "bad_reply"), (error(401, "bad key"), "auth"), (error(404, "no model"), "not_found")],
)
def test_an_endpoint_that_is_wrong_from_the_start_is_an_error(ask, reply, kind):
    with pytest.raises(EndpointError) as caught:
        ask(lambda c, n: reply, many(32))
    assert kind in caught.value.cause
    assert len(ask.server.calls) <= 16


def test_one_odd_reply_alone_does_not_stop_a_run(ask):
    (got,), _ = ask(lambda c, n: HTML, many(1))
    assert got.failure.kind == "bad_reply"


def test_later_failures_are_recorded_until_three_batches_in_a_row(ask):
    state = {"reply": chat("fine")}
    ask(lambda c, n: state["reply"], many(2), max_retries=0)
    target, state["reply"] = ask.target, error(400, "no")
    assert {c.failure.kind for c in target.generate(many(2))} == {"error"}
    target.generate(many(2))
    state["reply"] = chat("fine")
    target.generate(many(2))
    state["reply"] = error(400, "no")
    target.generate(many(2))
    target.generate(many(2))
    with pytest.raises(EndpointError, match="three batches"):
        target.generate(many(2))


def test_batches_that_the_provider_filters_are_not_a_dead_endpoint(ask):
    blocked = error(400, "filtered", code="content_filter")
    ask(lambda c, n: blocked, many(2))
    for _ in range(4):
        assert ask.target.generate(many(2))[0].failure.kind == "content_filter"


# Manners


def test_nothing_is_written_and_only_the_endpoint_is_called(tmp_path):
    code = """
    import sys
    seen, watched = [], ("socket.connect", "socket.getaddrinfo", "open", "subprocess.Popen")

    def hook(event, args):
        if event == "open" and not (isinstance(args[1], str) and set(args[1]) & set("wax+")):
            return
        if event in watched:
            seen.append([event, repr(args[1] if event == "socket.connect" else args[0])])

    sys.dont_write_bytecode = True
    sys.path.insert(0, sys.argv[1])
    import json, os, loopback
    from backslide.targets.inspect import InspectTarget
    import inspect_ai.model, openai
    before = sys.excepthook
    with loopback.serving(loopback.echo) as server:
        sys.addaudithook(hook)
        target = InspectTarget(f"openai/m@{server.base_url}")
        got = target.generate([loopback.request(f"p{i}") for i in range(20)])
        assert [c.text for c in got] == [f"echo p{i}" for i in range(20)], got
        target.close()
        os.environ.update(OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY="sk-x")
        target = InspectTarget("openai/gpt-4o")
        assert target.generate([loopback.request("x")])[0].text == "echo x"
        target.close()
    assert sys.excepthook is before
    print(json.dumps({"seen": seen, "url": server.base_url}))
    """
    here = __file__.rsplit("/", 1)[0]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), here],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(done.stdout)
    port = report["url"].split(":")[2].split("/")[0]
    own = [["subprocess.Popen", "'uname'"]]  # the SDK's header that names the platform
    assert report["seen"]
    for event, what in (e for e in report["seen"] if e not in own):
        assert event.startswith("socket.") and ("127.0.0.1" in what), (event, what)
        assert event != "socket.connect" or port in what
    assert done.stderr == "" and not list(tmp_path.iterdir())


def raise_interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("handler", [signal.default_int_handler, raise_interrupt])
def test_an_interrupt_is_quick_and_the_target_closes(ask, handler):
    slow = chat("late")
    slow.delay = 30
    ask(after_ok(slow), [request("ok")])
    before = signal.signal(signal.SIGINT, handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            ask.target.generate(many(3))
        ask.target.close()
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_classify_reads_plain_exceptions():
    assert classify(TimeoutError()).kind == "timeout"
    assert classify(TimeoutError(), 3.0).message == "no answer within 3 s"
    assert classify(ConnectionRefusedError("no")).kind == "refused_connection"
    assert classify(ConnectionResetError("gone")).kind == "server_error"
    assert classify(ValueError("what")).kind == "error"
    assert classify(ValueError()).message == "ValueError"
    assert classify(asyncio.InvalidStateError("odd")).kind == "error"


def test_presentable_is_one_line():
    assert presentable("a\n  b\t c") == "a b c"
    assert presentable("<html><body>502 Bad</body></html>") == "(an HTML page) 502 Bad"
    assert len(presentable("x" * 1000)) == 300
