from __future__ import annotations

import hashlib
import json

import pytest
from loopback import request

from backslide.core.errors import TargetError
from backslide.core.protocols import Target
from backslide.targets.replay import ReplayTarget


@pytest.fixture
def replay(tmp_path):
    def write(*lines, raw: bytes | None = None):
        path = tmp_path / "answers.jsonl"
        text = "".join(json.dumps(line) + "\n" for line in lines)
        path.write_bytes(text.encode() if raw is None else raw)
        return ReplayTarget(path)

    return write


def refusal_of(replay, raw: bytes) -> TargetError:
    with pytest.raises(TargetError) as caught:
        replay(raw=raw)
    return caught.value


def test_is_a_target_and_its_fingerprint_is_the_content(replay):
    target = replay({"id": "a", "response": "x"})
    digest = hashlib.sha256(target.path.read_bytes()).hexdigest()
    assert isinstance(target, Target)
    assert target.fingerprint() == {"kind": "replay", "sha256": digest}
    assert target.spec == f"replay:{target.path}"
    target.close()


def test_the_spec_may_be_given_whole(replay):
    path = replay({"id": "a", "response": "x"}).path
    assert ReplayTarget(f"replay:{path}").path == path


def test_id_first_then_the_exact_text(replay):
    target = replay(
        {"id": "a", "response": "by id"},
        {"prompt": "What is it?", "response": "by text"},
        {"id": 7, "text": "by number"},
        {"id": "b", "prompt": "Both", "completion": "by both"},
    )
    got = target.generate(
        [
            request("What is it?", prompt_id="a"),
            request("What is it?", prompt_id="z"),
            request("?", prompt_id="7"),
            request("Both", prompt_id="y"),
            request("what is it?", prompt_id="z"),
        ]
    )
    assert [c.text for c in got] == ["by id", "by text", "by number", "by both", None]
    assert got[4].failure.kind == "missing" and "'z'" in got[4].failure.message


def test_no_repeat_stands_in_for_another(replay):
    target = replay(
        {"id": "a", "response": "greedy"},
        {"id": "a", "response": "sample", "repeat": 2},
        {"prompt": "a text", "response": "other", "repeat": 1},
    )
    got = target.generate([request("a text", prompt_id="a", repeat=r) for r in range(4)])
    assert [c.text for c in got] == ["greedy", None, "sample", None]
    assert got[1].failure.kind == "missing" and "repeat 1" in got[1].failure.message


def test_errors_tokens_and_finish_are_kept(replay):
    target = replay(
        {"id": "a", "error": "timed out"},
        {"id": "b", "response": "", "tokens": 0, "finish": "max_tokens", "error": ""},
        {"id": "c", "response": "x", "finish": "odd", "other": [1]},
        {"id": "d", "response": "x", "error": None},
    )
    a, b, c, d = target.generate([request(i) for i in "abcd"])
    assert (a.failure.kind, a.failure.message) == ("error", "timed out")
    assert (b.text, b.tokens, b.finish) == ("", 0, "length")
    assert (c.finish, d.finish, d.tokens) == ("unknown", None, None)


def test_batches_cover_the_plan(replay):
    requests = [request(f"p{i}") for i in range(600)]
    batches = replay({"id": "p599", "response": "x"}).batches(requests)
    assert [i for b in batches for i in b] == list(range(600))


def test_a_file_for_other_prompts_is_an_error(replay):
    with pytest.raises(TargetError, match="none of the 1 requests") as caught:
        replay({"id": "other", "response": "x"}).batches([request("mine")])
    assert "'mine'" in caught.value.cause


def test_a_text_beside_several_ids_names_no_answer(replay):
    target = replay(
        {"id": "a", "prompt": "same", "response": "1"},
        {"id": "b", "prompt": "same", "response": "2"},
    )
    got = target.generate([request("same", prompt_id=i) for i in ("a", "b", "c")])
    assert [c.text for c in got] == ["1", "2", None]
    assert "several ids" in got[2].failure.message


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"id": "a"}, {"id": "a"}),
        ({"id": "1"}, {"id": 1}),
        ({"id": "a", "repeat": 3}, {"id": "a", "repeat": 3}),
        ({"prompt": "t"}, {"prompt": "t"}),
        ({"id": "a", "prompt": "t"}, {"prompt": "t"}),
        ({"prompt": "t"}, {"id": "a", "prompt": "t"}),
    ],
)
def test_two_answers_to_one_request_name_both_lines(replay, first, second):
    with pytest.raises(TargetError) as caught:
        replay(
            {**first, "response": "x"}, {"id": "z", "response": "y"}, {**second, "response": "x"}
        )
    assert "lines 1 and 3" in caught.value.cause


GOOD = b'{"id": "a", "response": "x"}\n'


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b'{"id": "b", "response": "x"', "cut off"),
        (b'{"id": "b", "response": "x"\n', "not a JSON object"),
        (b"hello\n", "not a JSON object"),
        (b'"hello"\n', "not an answer"),
        (b'[{"id": "b", "response": "x"}]\n', "one array"),
        (b'{"id": "b"}\n', "no answer"),
        (b'{"id": "b", "responce": "x"}\n', "no answer"),
        (b'{"id": "b", "response": "x", "text": "y"}\n', "more than one answer"),
        (b'{"id": "b", "response": "x", "error": "y"}\n', "more than one answer"),
        (b'{"response": "x"}\n', "no prompt named"),
        (b'{"id": "b", "response": 5}\n', "response"),
        (b'{"id": "b", "response": "x", "repeat": -1}\n', "repeat"),
        (b'{"id": "b", "response": "x", "repeat": "1"}\n', "repeat"),
        (b'{"id": "b", "response": "\xff\xfe"}\n', "not UTF-8"),
        (b'{"id": "b", "response": "\\ud800"}\n', "not a JSON object"),
        (b"PK\x03\x04\x00\x00\n", "binary"),
    ],
)
def test_a_bad_line_is_named(replay, bad, says):
    error = refusal_of(replay, GOOD + b"\r\n" + bad)
    assert "line 3" in error.message
    assert says in f"{error.message} {error.cause} {error.hint}"
    assert error.hint or error.cause


@pytest.mark.parametrize("raw", [b"", b"\n\n  \n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_an_error(replay, raw):
    assert "empty" in refusal_of(replay, raw).cause


def test_a_byte_order_mark_and_no_last_newline_are_fine(replay):
    target = replay(raw=b"\xef\xbb\xbf" + GOOD.rstrip())
    assert target.generate([request("a")])[0].text == "x"


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(TargetError, match="no such file"):
        ReplayTarget(tmp_path / "none.jsonl")
    with pytest.raises(TargetError, match="directory"):
        ReplayTarget(tmp_path)
