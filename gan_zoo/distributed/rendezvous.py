"""Launchers on several hosts wait for each other before they start workers. No TensorFlow here.

The launcher of the first host listens at its address, which its worker takes over afterwards. The
others connect to it and say who they are; it tells them who is missing, and at last to go.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gan_zoo.errors import UserError

NAME_SECONDS = 5  # in which the address of a name must be found
TELL_SECONDS = 5  # between two lines about who is missing
FIRST_SECONDS = 1  # until the first of them
_POLL_SECONDS = 0.2
_HELLO_SECONDS = 2  # in which who connects must say who it is


class Stopped(Exception):  # noqa: N818 -- a signal, not an error
    """The wait was ended from outside."""


@dataclasses.dataclass(frozen=True)
class Meeting:
    """A wait for the launchers of all hosts.

    Attributes:
        hosts: All as ``host:port``, the leading one first.
        index: Which of them this machine is.
        wait: Seconds until it gives up.
        stop: Whether to end the wait now.
        tell: Prints a line.
    """

    hosts: Sequence[str]
    index: int
    wait: float
    stop: Callable[[], bool]
    tell: Callable[[str], None]

    def join(self) -> None:
        """Wait until the launchers of all hosts are there.

        Raises:
            UserError: They do not come in time, or have other hosts, or the port is in use.
            Stopped: It was asked to stop.
        """
        if self.index == 0:
            self._lead()
        else:
            self._follow()

    def _lead(self) -> None:
        """Listen until all others are connected, then let them go."""
        there: dict[int, socket.socket] = {}
        missing = list(range(1, len(self.hosts)))
        with contextlib.ExitStack() as opened:
            server = opened.enter_context(_listen(self.hosts[0]))
            for _ in self._turns(missing):
                with contextlib.suppress(OSError):  # nobody, or one who left again
                    self._welcome(opened.enter_context(server.accept()[0]), there)
                for i, connection in list(there.items()):
                    if _left(connection):
                        del there[i]
                missing[:] = [i for i in range(1, len(self.hosts)) if i not in there]
                for connection in there.values():
                    _send(connection, {"missing": missing})
                if not missing:
                    return

    def _welcome(self, connection: socket.socket, there: dict[int, socket.socket]) -> None:
        """Read who connects; note it in ``there``, or tell it why it cannot take part."""
        connection.settimeout(_HELLO_SECONDS)
        with connection.makefile("r") as lines:
            hello = _record(lines.readline())
        index, wrong = hello.get("index"), ""
        if not isinstance(index, int):  # another program
            connection.close()
            return
        if hello.get("hosts") != list(self.hosts):
            hosts = ",".join(self.hosts)
            wrong = f"{self.hosts[0]} was started with --hosts={hosts}; give the same here"
        elif index in there and not _left(there[index]):
            wrong = f"another machine has --index={index} already; give each its own"
        if wrong:
            _send(connection, {"refused": wrong})
            connection.close()
        else:
            connection.setblocking(False)
            there[index] = connection

    def _follow(self) -> None:
        """Connect to the leading host and wait until it lets all go."""
        missing, buffer, connection = [0], b"", None
        try:
            for _ in self._turns(missing):
                if connection is None:
                    missing[:], buffer = [0], b""
                    connection = self._greet()
                    continue
                try:
                    read = connection.recv(65536)
                except TimeoutError:
                    continue
                except OSError:
                    read = b""
                *lines, buffer = (buffer + read).split(b"\n")
                for told in map(_record, lines):
                    if "refused" in told:
                        raise UserError(f"{told['refused']}.")
                    missing[:] = told.get("missing", [0])
                    if not missing:
                        return
                if not read:
                    connection.close()
                    connection = None
                    time.sleep(_POLL_SECONDS)
        finally:
            if connection is not None:
                connection.close()

    def _greet(self) -> socket.socket | None:
        """Return a connection to the leading host on which this one has said who it is, or None."""
        try:
            connection = socket.create_connection(_split(self.hosts[0]), timeout=1)
        except OSError:
            time.sleep(_POLL_SECONDS)
            return None
        connection.settimeout(_POLL_SECONDS)
        _send(connection, {"hosts": list(self.hosts), "index": self.index})
        return connection

    def _turns(self, missing: list[int]) -> Iterator[None]:
        """Yield again and again; tell now and then who is missing, as the list then has it.

        Raises:
            UserError: They do not come in time.
            Stopped: It was asked to stop.
        """
        began, next_line = time.monotonic(), float(FIRST_SECONDS)
        while True:
            if self.stop():
                raise Stopped
            passed = time.monotonic() - began
            if passed > self.wait:
                names = " and ".join(self.hosts[i] for i in missing)
                raise UserError(
                    f"{names} did not come within {self.wait:g} s; start the same command there,"
                    " or check that this machine can reach it (--wait sets the seconds)."
                )
            if passed >= next_line:
                self.tell(self._waiting(missing, passed))
                next_line = passed + TELL_SECONDS
            yield

    def _waiting(self, missing: list[int], passed: float) -> str:
        """Return the line about those who are missing."""
        names = " and ".join(self.hosts[i] for i in missing)
        indices = " and ".join(f"--index={i}" for i in missing)
        hint = ""
        if not _is_here(self.hosts[self.index]):
            hint = (
                f" ({self.hosts[self.index]} is no address of this machine; is"
                f" --index={self.index} right?)"
            )
        return f"waiting for {names} ({passed:.0f} s); run the same with {indices} there{hint}"


def require_addresses(hosts: Sequence[str]) -> None:
    """Check that all hosts have addresses.

    Raises:
        UserError: A name cannot be found.
    """
    pool = concurrent.futures.ThreadPoolExecutor(len(hosts))
    found = [pool.submit(socket.getaddrinfo, *_split(host)) for host in hosts]
    concurrent.futures.wait(found, NAME_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    for host, each in zip(hosts, found, strict=True):
        if not each.done() or isinstance(each.exception(), OSError):
            raise UserError(
                f"--hosts: the name {_split(host)[0]} cannot be found from this machine; check the"
                " spelling, or give an address such as 10.0.0.1:2222."
            )
        each.result()


def _split(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name.strip("[]"), int(port)


def _listen(host: str) -> socket.socket:
    """Return a socket that waits for connections at the port of a host, on all its addresses."""
    _, port = _split(host)
    both = socket.has_dualstack_ipv6()
    try:
        server = socket.create_server(
            ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both
        )
    except OSError as e:
        raise UserError(
            f"port {port} of this machine cannot be used ({os.strerror(e.errno or 0)}); end the"
            " program that has it, or give another port in --hosts on all machines."
        ) from None
    server.settimeout(_POLL_SECONDS)
    return server


def _is_here(host: str) -> bool:
    """Whether a host's address is one of this machine."""
    try:
        name, _ = _split(host)
        for family, kind, _, _, address in socket.getaddrinfo(name, 0, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind) as probe, contextlib.suppress(OSError):
                probe.bind(address)
                return True
    except OSError:
        pass
    return False


def _left(connection: socket.socket) -> bool:
    """Whether the other side has closed a connection."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _send(connection: socket.socket, record: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # it is noticed at the next look
        connection.sendall(json.dumps(record).encode() + b"\n")


def _record(line: str | bytes) -> dict[str, Any]:
    """Return the record in a line; {} for what no launcher writes."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    good = isinstance(record, dict) and bool(record.keys() & {"hosts", "missing", "refused"})
    return record if good else {}
