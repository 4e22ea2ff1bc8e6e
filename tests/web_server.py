"""A small web server for the tests of downloads: files with ranges, and faults on demand."""

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Site:
    """What the server holds, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}  # path, with its query, → content
        self.headers: dict[str, dict[str, str]] = {}  # path → headers of its answer
        self.status: dict[str, list[int]] = {}  # path → answers to give first; the last of a single one stays
        self.cut: dict[str, list[int]] = {}  # path → bytes after which the next answers break off
        self.pauses: dict[str, list[float]] = {}  # path → seconds that the next answers pause half-way
        self.ranges = True
        self.asked: Counter[str] = Counter()
        self.asked_ranges: list[str] = []
        self.url = ""

    def put_json(self, path: str, value: Any) -> None:
        self.files[path] = json.dumps(value).encode()


@contextlib.contextmanager
def serve() -> Iterator[Site]:
    """Run a server for the block."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked[self.path] += 1
            if site.status.get(self.path):
                return self.answer(site.status[self.path].pop(0), b"")
            if self.path not in site.files:
                return self.answer(404, b"")
            content = site.files[self.path]
            wanted = self.headers.get("Range")
            if not (wanted and site.ranges):
                return self.answer(200, content)
            site.asked_ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return self.answer(
                206, content[start:], {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
            )

        do_HEAD = do_GET  # noqa: N815

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in {**(headers or {}), **site.headers.get(self.path, {})}.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                cuts = site.cut.get(self.path)
                body = body[: cuts.pop(0)] if cuts else body
                with contextlib.suppress(ConnectionError):  # a client that gave up
                    self.wfile.write(body[: len(body) // 2])
                    if pauses := site.pauses.get(self.path):
                        time.sleep(pauses.pop(0))
                    self.wfile.write(body[len(body) // 2 :])
            self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
