"""Files over HTTP that arrive whole or are continued by the next attempt.

requests and not pooch, which begins a broken download again from the start.
"""

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

from medley.errors import InputError
from medley.files import sha256

ATTEMPTS = 4
FIRST_WAIT = 2.0  # seconds before the second attempt, doubled before each further one
TIMEOUTS = (15.0, 60.0)  # seconds to connect, and between two pieces of data
PIECE = 1 << 16  # bytes written at a time: no more is lost when a connection breaks
PROGRESS = 10.0  # seconds between two progress lines
LOOK = "look there with a browser"
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers that may be others a moment later

Result = TypeVar("Result")


def session() -> requests.Session:
    """Return a connection that stays open for many files."""
    opened = requests.Session()
    # The bytes themselves: a compressed transfer has neither the file's size nor its ranges.
    opened.headers["Accept-Encoding"] = "identity"
    return opened


def fetch(http: requests.Session, url: str, path: Path, size: int | None = None, checksum: str | None = None) -> None:
    """Bring ``url`` to ``path``; a file that is there already with that size and checksum stays.

    What has arrived waits in ``{path}.part`` and is continued, also by a later call, where the
    server can (HTTP Range). ``size`` (bytes) and ``checksum`` (SHA-256) are checked where given.
    Raises InputError when the server refuses, stays out of reach or sends something else.
    """
    if path.is_file() and _matches(path, size, checksum):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    _persistently(url, lambda: _receive(http, url, part, size))
    if not _matches(part, size, checksum):
        found = f"{part.stat().st_size} bytes with SHA-256 {sha256(part)}"
        part.unlink()
        known = ((f"{size} bytes", size), (f"SHA-256 {checksum}", checksum))
        wanted = " and ".join(words for words, value in known if value is not None)
        raise InputError(
            f"{url}: sent {found}, expected {wanted}; start again; if it stays so, the source has changed its file"
        )
    part.replace(path)


def fetch_json(http: requests.Session, url: str) -> Any:
    """Return the JSON that ``url`` answers with. Raises InputError as ``fetch`` does."""

    def receive() -> Any:
        with http.get(url, timeout=TIMEOUTS) as answer:
            _check(url, answer)
            try:
                return answer.json()
            except requests.JSONDecodeError as error:
                raise InputError(f"{url}: the answer is no JSON ({error}); the server may have changed") from None

    return _persistently(url, receive)


def published_checksum(http: requests.Session, url: str) -> str | None:
    """Return the SHA-256 that a Hugging Face server publishes for its file ``url``, or None."""

    def receive() -> str | None:
        with http.head(url, timeout=TIMEOUTS, allow_redirects=False) as answer:
            _check(url, answer)
            tag = answer.headers.get("X-Linked-ETag", "").strip('"')
            return tag if re.fullmatch("[0-9a-f]{64}", tag) else None

    return _persistently(url, receive)


def _persistently(url: str, attempt: Callable[[], Result]) -> Result:
    """Return what ``attempt`` returns, trying again after failures that may pass."""
    for number in range(ATTEMPTS):
        try:
            return attempt()
        except requests.TooManyRedirects:
            raise InputError(f"{url}: the server redirects in a circle; the address may have changed: {LOOK}") from None
        except requests.RequestException as error:
            failure = _reason(error)
        if number < ATTEMPTS - 1:
            wait = FIRST_WAIT * 2**number
            logging.warning("%s: %s; trying again in %g s", url, failure, wait)
            time.sleep(wait)
    raise InputError(
        f"{url}: failed {ATTEMPTS} times ({failure}); check the network (and https_proxy, where there is a proxy), "
        "then start again: what has arrived is kept"
    )


def _reason(error: requests.RequestException) -> str:
    """Return the innermost message: requests wraps urllib3's errors, which wrap the cause."""
    cause = error.args[0] if error.args else error
    cause = getattr(cause, "reason", cause)
    text = str(cause.args[0] if isinstance(cause, Exception) and cause.args else cause)
    return text.partition("): ")[2] or text  # without the connection object's description


def _receive(http: requests.Session, url: str, part: Path, size: int | None) -> None:
    """Append to ``part`` what is missing of it, or begin anew where the server has no ranges."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with http.get(url, headers=headers, stream=True, timeout=TIMEOUTS) as answer:
        where = answer.headers.get("Content-Range", "")
        if answer.status_code == 416 and where == f"bytes */{have}":
            return  # nothing was missing
        if answer.status_code == 416 or (answer.status_code == 206 and not where.startswith(f"bytes {have}-")):
            part.unlink()
            raise requests.HTTPError("the file does not continue what has arrived; beginning anew")
        _check(url, answer)
        with part.open("ab" if answer.status_code == 206 else "wb") as stream:
            told = time.monotonic()
            for chunk in answer.iter_content(PIECE):
                stream.write(chunk)
                if time.monotonic() - told > PROGRESS:
                    told = time.monotonic()
                    logging.info("%s: %.1f of %s MB", url, stream.tell() / 1e6, f"{size / 1e6:.1f}" if size else "?")
    if size is not None and part.stat().st_size < size:
        raise requests.ConnectionError(f"the connection ended after {part.stat().st_size} of {size} bytes")


def _check(url: str, answer: requests.Response) -> None:
    """Raise HTTPError for an answer that may pass, and InputError for one that will not."""
    status = answer.status_code
    if status in PASSING:
        raise requests.HTTPError(f"answer {status}")
    if status in (401, 403):
        raise InputError(f"{url}: the server refuses it (answer {status}); it may need a login now: {LOOK}")
    if status in (404, 410):
        raise InputError(f"{url}: is not there (answer {status}); the address may have changed: {LOOK}")
    if status >= 400:
        raise InputError(f"{url}: answer {status} ({answer.reason}); the server refuses this request: {LOOK}")


def _matches(path: Path, size: int | None, checksum: str | None) -> bool:
    """Return whether the file has the size and the SHA-256, where they are known."""
    return (size is None or path.stat().st_size == size) and (checksum is None or sha256(path) == checksum)
