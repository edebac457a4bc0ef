"""A model behind an OpenAI-compatible address, asked one question at a time: patiently, and never for ever.

Busy answers (429 and 5xx) and lost connections are tried again after the time the server names, else after 1, 2, 4 ...
seconds; whatever else goes wrong ends the run with a sentence, and what was made until then is kept.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from hanlin.base.errors import NetworkError

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_WAIT = 60.0


class Service:
    """One model at one address."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str = "OPENAI_API_KEY",
        timeout: float = 120.0,
        attempts: int = 5,
        temperature: float = 0.7,
        max_tokens: int = 1024,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = f"{url.rstrip('/')}/chat/completions"
        self._key = os.environ.get(key_variable, "")
        self._timeout, self._attempts, self._wait = timeout, attempts, wait
        self._settings = {"model": model, "temperature": temperature, "max_tokens": max_tokens, "stream": False}
        self.num_retries = 0

    def ask(self, prompt: str, seed: int) -> str:
        """Return the answer to a prompt. Raises NetworkError (E226) when there is none to be had."""
        asked = {**self._settings, "messages": [{"role": "user", "content": prompt}], "seed": seed}
        for attempt in range(self._attempts):
            try:
                return _said(self._post(asked))
            except urllib.error.HTTPError as error:
                with error:
                    detail, again = _refusal(error), error.headers.get("Retry-After", "")
                if error.code not in BUSY:
                    break
            except (OSError, ValueError) as error:
                detail, again = str(getattr(error, "reason", error)), ""
            if attempt + 1 < self._attempts:
                self.num_retries += 1
                self._wait(min(LONGEST_WAIT, float(again) if again.isdigit() else 2.0**attempt))
        raise NetworkError("text.service", url=self._address, detail=detail, attempts=attempt + 1)

    def _post(self, asked: dict[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self._key}"} if self._key else {})
        request = urllib.request.Request(self._address, json.dumps(asked).encode(), headers)
        with urllib.request.urlopen(request, timeout=self._timeout) as reply:
            return json.load(reply)


def _said(reply: Any) -> str:
    """The text of an answer. Raises ValueError for a reply of another shape."""
    try:
        content = reply["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise ValueError(f"no choices in the reply: {json.dumps(reply)[:80]}") from None
    if not isinstance(content, str):
        raise ValueError(f"no text in the reply: {json.dumps(content)[:80]}")
    return content.strip()


def _refusal(error: urllib.error.HTTPError) -> str:
    """What a server says of an error: its own sentence where it has one."""
    try:
        said = json.loads(error.read())["error"]["message"]
    except (ValueError, KeyError, TypeError, OSError):
        said = error.reason
    return f"{error.code} {said}"
