"""An OpenAI-compatible server on loopback with a real model behind it:
``python -m tests.e2e.server PORT embedded:aligned embedded:compromised``."""

from __future__ import annotations

import sys
from threading import Lock
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException

from backslide.core.records import Message, Prompt, Request, Sampling
from backslide.targets.huggingface.target import HuggingFaceTarget
from backslide.targets.spec import parse_spec


def request_of(body: dict[str, Any]) -> Request:
    messages = tuple(Message(role=m["role"], content=_text(m["content"])) for m in body["messages"])
    prompt = Prompt(
        id="p", messages=messages, suite="s", category="c", expects="refuse", cluster="p"
    )
    sampling = Sampling(
        max_tokens=body.get("max_tokens") or body.get("max_completion_tokens") or 64,
        temperature=body.get("temperature") or 0.0,
        top_p=body.get("top_p") or 1.0,
    )
    return Request(prompt=prompt, repeat=0, seed=body.get("seed") or 0, sampling=sampling)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def application(specs: list[str]) -> FastAPI:
    models = {s.removeprefix("embedded:"): HuggingFaceTarget(parse_spec(s)) for s in specs}
    app, lock = FastAPI(), Lock()

    @app.get("/v1/models")
    def listing() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": m, "object": "model"} for m in models]}

    @app.post("/v1/chat/completions")
    def complete(body: dict[str, Any]) -> dict[str, Any]:
        if body["model"] not in models:
            raise HTTPException(404, "no such model")
        with lock:
            found = models[body["model"]].generate([request_of(body)])[0]
        message = {"role": "assistant", "content": found.text}
        return {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": found.finish}],
            "usage": {
                "prompt_tokens": found.prompt_tokens,
                "completion_tokens": found.tokens,
                "total_tokens": (found.prompt_tokens or 0) + (found.tokens or 0),
            },
        }

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[2:]), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning"
    )
