"""Show a page in the browser of this machine and follow what it is about while it trains."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gan_zoo.errors import UserError
from gan_zoo.reporting import check_folders, make_page

HOST = "127.0.0.1"  # never to other machines: pages hold training images
_FIRST_PORT, _PORTS = 8008, 20
_SHARE = 0.1  # of the time goes into pages, since the training needs the machine
_MOST_REST = 20.0  # seconds
_WATCHED = ("*.json", "*.jsonl", "samples/*.png", "nearest-step*.png")


def serve(folders: Sequence[Path], title: str, real: bool, port: int = 0) -> None:
    """Serve the page about runs or a comparison until Ctrl-C.

    Args:
        folders: As for :func:`gan_zoo.reporting.make_report`.
        title: Of the page; "" for its default.
        real: Whether to show images of the training data.
        port: 0 for the first free one from 8008 on.

    Raises:
        UserError: A folder holds no run, or the port cannot be used.
    """
    check_folders(folders)
    pages = Pages(folders, title, real)
    pages.newest()  # a folder without a run is told before the browser asks
    with _server(pages, port) as server:
        print(f"http://{HOST}:{server.server_port}/ follows the files; Ctrl-C ends it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever(poll_interval=0.2)
    print("ended.")


class Pages:
    """The newest page about some folders; it is made again when files changed."""

    def __init__(self, folders: Sequence[Path], title: str, real: bool):
        """Take what :func:`gan_zoo.reporting.make_page` takes."""
        self._asked = folders, title, real
        self._lock = threading.Lock()
        self._made: tuple[str, bytes] = ("", b"")
        self._rests_until = 0.0

    def version(self) -> str:
        """Return a mark of the state of all files, or for a while the mark of the newest page."""
        if time.monotonic() < self._rests_until:
            return self._made[0]
        states = hashlib.sha256()
        for path in _files(self._asked[0]):
            with contextlib.suppress(OSError):  # removed since it was listed
                state = path.stat()
                states.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode())
        return states.hexdigest()[:16]

    def newest(self) -> bytes:
        """Return the page.

        Raises:
            UserError: A folder holds no run any more.
        """
        with self._lock:
            version = self.version()
            if self._made[0] != version:
                began = time.monotonic()
                self._made = version, make_page(*self._asked, follows=version)
                ended = time.monotonic()
                self._rests_until = ended + min(_MOST_REST, (ended - began) / _SHARE)
            return self._made[1]


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for pattern in _WATCHED:
            yield from sorted(folder.glob(pattern))
            if (folder / "comparison.json").is_file():
                yield from sorted(folder.glob(f"*/{pattern}"))


def _server(pages: Pages, port: int) -> ThreadingHTTPServer:
    """Return a server on a port, by default the first free one.

    Raises:
        UserError: The port is no port, taken or forbidden.
    """
    if not 0 <= port < 2**16:
        raise UserError(f"--port={port} is not a port; give 1 to 65535, or leave it out.")
    handler = type("Handler", (_Handler,), {"pages": pages})
    tried = [port] if port else range(_FIRST_PORT, _FIRST_PORT + _PORTS)
    for each in tried:
        try:
            return _Server((HOST, each), handler)
        except OSError as e:
            if port and e.errno != errno.EADDRINUSE:
                raise UserError(
                    f"--port={port} cannot be used ({e.strerror}); give another, or leave it out."
                ) from None
    if port:
        raise UserError(f"--port={port} is in use; give another, or leave it out.")
    raise UserError(
        f"the ports {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} are all in use; give a free one"
        " with --port."
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Handler(BaseHTTPRequestHandler):
    """Answers with the page, and with its version."""

    pages: Pages

    def do_GET(self) -> None:
        """Answer a browser."""
        port = self.connection.getsockname()[1]
        # A page of somebody else may have its name point to this machine, to read what is here.
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            return self._answer(403, "this server answers its own address only.")
        if self.path == "/version":
            return self._answer(200, self.pages.version())
        if self.path != "/":
            return self._answer(404, "there is one page here: /")
        try:
            page = self.pages.newest()
        except UserError as e:
            return self._answer(500, str(e))
        self._answer(200, page, "text/html; charset=utf-8")

    def _answer(
        self, status: int, content: str | bytes, kind: str = "text/plain; charset=utf-8"
    ) -> None:
        data = content.encode() if isinstance(content, str) else content
        with contextlib.suppress(ConnectionError):  # the browser went away
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Print nothing: one line a request would hide what matters."""
