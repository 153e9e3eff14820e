"""Processes that start with their imports already done: forks of one server."""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from gan_zoo import registry

ROOT = Path(__file__).parent.parent


class Fork:
    """A forked process, with the part of subprocess.Popen's interface that tests use."""

    def __init__(self, server, pid, out, err):
        self._server, self.pid, self._out, self._err = server, pid, out, err
        self.returncode = None

    @property
    def stdout(self):
        return self._out.read_text()

    @property
    def stderr(self):
        return self._err.read_text()

    def poll(self):
        if self.returncode is None:
            self.returncode = self._server.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout=300):
        """Return the exit code; minus the signal's number if a signal ended the process."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def users_environment():
    """Return the environment without the tests' own number of threads (see tests/conftest.py).

    A sum over more threads is rounded in another way, so runs that are compared need equal ones.
    """
    return {k: v for k, v in os.environ.items() if k != "TF_NUM_INTRAOP_THREADS"}


class Forks:
    """The server: it imports everything once and forks for each process that a test wants."""

    def __init__(self, folder, tensorflow=True):
        self._folder, self._number, self._children = folder, 0, []
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.forks", *([] if tensorflow else ["light"])],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def ask(self, request):
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the server of forks has died"
        return json.loads(answer)

    def start(self, *words, code=None, cwd=ROOT, env=None):
        """Start ``python -m gan_zoo.run *words``, or ``python -c code *words``."""
        self._number += 1
        out, err = (self._folder / f"{self._number}.{kind}" for kind in ("out", "err"))
        request = {"words": [str(w) for w in words], "code": code, "cwd": str(cwd)}
        request |= {"env": {**users_environment(), **(env or {})}, "out": str(out), "err": str(err)}
        child = Fork(self, self.ask(request), out, err)
        self._children.append(child)
        return child

    def run(self, *words, timeout=300, **kwargs):
        """Start a process, wait for its end and return it."""
        child = self.start(*words, **kwargs)
        child.wait(timeout)
        return child

    def close(self):
        for child in self._children:
            child.kill()
        self._server.stdin.close()
        self._server.wait(60)


def become(request):
    """Turn this new fork into the process that was asked for; return its exit code."""
    os.setpgid(0, 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if request["code"] is None:
        from gan_zoo import run

        return run.main(request["words"])
    sys.argv = ["-c", *request["words"]]
    exec(compile(request["code"], "<code>", "exec"), {"__name__": "__main__"})
    return 0


def prepare(light):
    """Do once what else each process would do.

    In a light process, an import of TensorFlow, Keras or TF-GAN raises ImportError.
    """
    if light:
        sys.modules.update(tensorflow=None, keras=None, tensorflow_gan=None)
        importlib.import_module("gan_zoo.commands.train")
    else:
        importlib.import_module("gan_zoo.training.loop")
        with contextlib.suppress(Exception):  # what TF-GAN imports, where it works
            importlib.import_module("tf_keras")
            importlib.import_module("tensorflow_probability.python.distributions")
    for table in registry.tables.values():
        table.entries()  # it reads the sources of all parts


def serve():
    """Fork for each request of a line; no thread of TensorFlow's may exist here."""
    children = set()
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
            children.discard(pid)
        elif (answer := os.fork()) == 0:
            code = 1
            try:
                code = become(request)
            except SystemExit as e:
                code = e.code if isinstance(e.code, int) else int(e.code is not None)
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code or 0)
        else:
            children.add(answer)
        print(json.dumps(answer), flush=True)
    for pid in children:  # the tests have ended, perhaps by a signal
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    prepare(light=sys.argv[1:] == ["light"])
    serve()
