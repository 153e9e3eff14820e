"""Downloads, from a server on this machine that breaks off, lies, or is not there."""

import hashlib
import http.server
import threading

import pytest

from gan_zoo.errors import UserError
from gan_zoo.evaluation.downloads import PublicFile, downloaded

CONTENT = bytes(range(256)) * 4000  # about 1 MB: several pieces


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; ``cuts`` are after how many bytes the next answers break off."""

    def __init__(self, content=CONTENT, cuts=(), ranges=True):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cuts, self.ranges, self.asked = content, list(cuts), ranges, []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/file.pth"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        server.asked.append(asked)
        start = int(asked[6:-1]) if asked and server.ranges else 0
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0) if server.cuts else None])

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    servers = []

    def start(**kwargs):
        servers.append(Server(**kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def file_at(*servers, content=CONTENT):
    addresses = [s if isinstance(s, str) else s.address for s in servers]
    return PublicFile("file.pth", addresses, len(content), hashlib.sha256(content).hexdigest())


def names(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock"))


def test_a_file_comes_once(serve, tmp_path):
    server = serve()
    path = downloaded(file_at(server), tmp_path / "downloads")
    assert path == tmp_path / "downloads" / "file.pth" and path.read_bytes() == CONTENT
    assert downloaded(file_at(server), path.parent) == path
    assert server.asked == [None] and names(path.parent) == ["file.pth"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on_where_it_broke(serve, tmp_path, ranges):
    server = serve(cuts=[300_000], ranges=ranges)
    with pytest.raises(UserError, match=r"connection broke; 0.3 of 1.0 MB are here"):
        downloaded(file_at(server), tmp_path)
    assert names(tmp_path) == ["file.pth.part"], "nothing that looks whole"
    assert downloaded(file_at(server), tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"] and names(tmp_path) == ["file.pth"]


def test_the_second_address_goes_on_with_what_the_first_gave(serve, tmp_path):
    one, two = serve(cuts=[1000]), serve()
    assert downloaded(file_at(one, two), tmp_path).read_bytes() == CONTENT
    assert two.asked == ["bytes=1000-"]


def test_another_file_is_thrown_away(serve, tmp_path):
    for content in (b"<html>sign in</html>", CONTENT[::-1], CONTENT + b"more"):
        with pytest.raises(UserError, match=r"another file of [\d,]+ bytes came.*put it at"):
            downloaded(file_at(serve(content=content)), tmp_path)
        assert names(tmp_path) == []


def test_without_network_one_sentence_says_where_to_put_the_file(serve, tmp_path):
    server = serve()
    server.shutdown()
    server.server_close()
    with pytest.raises(
        UserError,
        match=r"cannot be downloaded \(.*refused.*from http://.* and put it at .*file.pth",
    ):
        downloaded(file_at(server), tmp_path)
    assert names(tmp_path) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be kept in"):
        downloaded(file_at(server), tmp_path / "file" / "below")
