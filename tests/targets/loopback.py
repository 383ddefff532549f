"""A chat-completions server on 127.0.0.1, for tests: a function answers each request."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from backslide.core.records import Message, Prompt, Request, Sampling


@dataclass
class Reply:
    """What the server sends: a JSON object or raw bytes, after a delay."""

    body: dict[str, Any] | bytes
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0

    @property
    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Call:
    """What the server received."""

    body: dict[str, Any]
    authorization: str
    at: float

    @property
    def prompt(self) -> str:
        return str(self.body["messages"][-1]["content"])


Answer = Callable[[Call, int], Reply]


@dataclass
class Server:
    base_url: str
    calls: list[Call] = field(default_factory=list)
    most_at_once: int = 0


def chat(text: str | None, finish: str = "stop", **message: Any) -> Reply:
    return Reply(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, **message},
                    "finish_reason": finish,
                }
            ],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        }
    )


def error(status: int, message: str, **extra: Any) -> Reply:
    return Reply({"error": {"message": message, "type": "x", **extra}}, status=status)


def echo(call: Call, _number: int) -> Reply:
    return chat(f"echo {call.prompt}")


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """Run a server for the block; ``answer`` gets the call and its number from 0."""
    lock, busy, gone = threading.Lock(), [0], threading.Event()
    server = Server("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = Call(json.loads(raw), self.headers.get("Authorization", ""), time.monotonic())
            with lock:
                number = len(server.calls)
                server.calls.append(call)
                busy[0] += 1
                server.most_at_once = max(server.most_at_once, busy[0])
            try:
                reply = answer(call, number)
                gone.wait(reply.delay)
            finally:
                with lock:
                    busy[0] -= 1
            self._send(reply)

        def _send(self, reply: Reply) -> None:
            with contextlib.suppress(OSError):
                self.send_response(reply.status)
                self.send_header("Content-Type", reply.content_type)
                self.send_header("Content-Length", str(len(reply.payload)))
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.payload)

        def log_message(self, *_: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.base_url = f"http://127.0.0.1:{httpd.server_address[1]}/v1"
    try:
        yield server
    finally:
        gone.set()
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def request(
    text: str = "hello",
    *,
    prompt_id: str | None = None,
    repeat: int = 0,
    seed: int = 1,
    temperature: float = 0.0,
    category: str = "c",
    expects: Any = "refuse",
    system: str | None = None,
) -> Request:
    """A request with one user turn; the id is the text where none is given."""
    turns = [Message(role="system", content=system)] if system else []
    turns.append(Message(role="user", content=text))
    prompt = Prompt(
        id=prompt_id or text,
        messages=tuple(turns),
        suite="s",
        category=category,
        expects=expects,
        cluster=prompt_id or text,
    )
    sampling = Sampling(max_tokens=64, temperature=temperature, top_p=1.0)
    return Request(prompt=prompt, repeat=repeat, seed=seed, sampling=sampling)
