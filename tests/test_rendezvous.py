"""Launchers on several hosts find each other, or say whom they wait for and end."""

import socket
import threading
import time

import pytest

from gan_zoo.distributed import rendezvous
from gan_zoo.errors import UserError


@pytest.fixture
def hosts(monkeypatch):
    monkeypatch.setattr(rendezvous, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(rendezvous, "FIRST_SECONDS", 0.1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [f"127.0.0.1:{port}", "127.0.0.1:2", "127.0.0.1:3"]


class Launcher(threading.Thread):
    """A launcher in a thread: ``ended`` is "go", or what it says at its end."""

    def __init__(self, hosts, index, wait=10.0):
        super().__init__(daemon=True)
        self.told, self.ended, self.stopped = [], "", False
        self.meeting = rendezvous.Meeting(
            hosts, index, wait, lambda: self.stopped, self.told.append
        )
        self.start()

    def run(self):
        try:
            self.meeting.join()
            self.ended = "go"
        except (UserError, rendezvous.Stopped) as e:
            self.ended = str(e) or "stopped"

    def end(self):
        self.join(20)
        return self.ended


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_all_go_when_the_last_one_is_there_in_any_order(hosts, order):
    early = [Launcher(hosts, i) for i in order[:2]]
    time.sleep(0.4)
    assert [each.ended for each in early] == ["", ""]
    assert early[0].told, "who waits says for whom"
    assert f"--index={order[2]}" in early[0].told[-1]
    last = Launcher(hosts, order[2])
    assert [each.end() for each in (*early, last)] == ["go"] * 3


def test_one_that_never_comes_is_named_and_ends_the_wait(hosts):
    launcher = Launcher(hosts[:2], 0, wait=0.4)
    assert launcher.end().startswith("127.0.0.1:2 did not come within 0.4 s")
    assert launcher.told[0] == "waiting for 127.0.0.1:2 (0 s); run the same with --index=1 there"


def test_one_that_leaves_again_is_waited_for(hosts):
    leader, first = Launcher(hosts, 0), Launcher(hosts, 1)
    time.sleep(0.2)
    first.stopped = True
    assert first.end() == "stopped"
    second = Launcher(hosts, 2)
    time.sleep(0.3)
    assert (leader.ended, second.ended) == ("", "")
    again = Launcher(hosts, 1)
    assert [each.end() for each in (leader, second, again)] == ["go"] * 3


def test_a_stop_ends_the_wait_at_once(hosts):
    for index in (0, 1):
        launcher = Launcher(hosts, index)
        launcher.stopped = True
        launcher.join(1)
        assert launcher.ended == "stopped"


def test_other_hosts_and_a_place_that_is_taken_are_refused(hosts):
    leader, second = Launcher(hosts, 0, wait=3), Launcher(hosts, 1, wait=3)
    time.sleep(0.3)
    other = Launcher([hosts[0], "127.0.0.1:9"], 1)
    assert (
        other.end() == f"{hosts[0]} was started with --hosts={','.join(hosts)}; give the same here."
    )
    assert "another machine has --index=1 already" in Launcher(hosts, 1).end()
    assert "cannot be used (Address already in use)" in Launcher(hosts, 0).end()
    leader.stopped = second.stopped = True


def test_another_program_at_the_port_is_no_launcher(hosts):
    leader = Launcher(hosts[:2], 0)
    time.sleep(0.2)
    name, _, port = hosts[0].rpartition(":")
    with socket.create_connection((name, int(port))) as stranger:
        stranger.sendall(b"PRI * HTTP/2.0\r\n")
        assert stranger.recv(10) == b""
    assert leader.ended == ""
    assert Launcher(hosts[:2], 1).end() == leader.end() == "go"


def test_a_name_without_an_address_is_refused(monkeypatch):
    rendezvous.require_addresses(["127.0.0.1:1", "[::1]:1"])
    with pytest.raises(UserError, match=r"the name no\.such\.host\.invalid cannot"):
        rendezvous.require_addresses(["127.0.0.1:1", "no.such.host.invalid:1"])
    monkeypatch.setattr(rendezvous, "NAME_SECONDS", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: time.sleep(0.5))
    with pytest.raises(UserError, match="the name slow cannot be found"):
        rendezvous.require_addresses(["slow:1"])
