"""Start the workers of a run, and start all of them again when one is lost.

    gan_zoo launch --workers=2 -- --config=faces32 --data_dir=faces.zip --workdir=runs/mine
    gan_zoo launch --hosts=alpha:2222,beta:2222 --index=0 -- ...    on alpha; --index=1 on beta

The first command starts all workers on this machine. The second starts one worker; give it on each
host, with the --index of that host. After ``--`` come the flags of gan_zoo train;
--strategy=multi_worker is added to them. All hosts need the same code and data, and the same
--workdir on a shared disk. The commands may be given in any order: each waits for the others, and
says for whom.

Ctrl-C saves the run and stops it; Ctrl-C again stops at once.

The workers talk over gRPC without any authentication or encryption, on all network interfaces:
trusted networks only.
"""

from __future__ import annotations

import functools

from absl import flags

from gan_zoo import cli, config
from gan_zoo.commands import train
from gan_zoo.distributed.launch import WAIT_SECONDS, launch
from gan_zoo.errors import UserError
from gan_zoo.runs.lock import lock, refuse_in_use
from gan_zoo.runs.places import require_places
from gan_zoo.runs.resume import remove_run
from gan_zoo.runs.run import Run


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "workers", 2, "workers to start here, if there are no --hosts", 1, flag_values=values
    )
    flags.DEFINE_list(
        "hosts", [], "all workers as host:port, the leading one first", flag_values=values
    )
    flags.DEFINE_integer("index", None, "which of --hosts this machine is", 0, flag_values=values)
    flags.DEFINE_integer(
        "wait", WAIT_SECONDS, "seconds in which all --hosts must come", 1, flag_values=values
    )
    flags.DEFINE_integer("restarts", 20, "give up after this many restarts", 0, flag_values=values)


def _prepare(values: flags.FlagValues, rest: list[str], leads: bool) -> None:
    """Refuse wrong settings of the run once, here, and not in each worker; make room for it."""
    train.refuse_words(values, rest)
    settings = config.from_flags(values)
    require_places(settings)
    run = Run(settings.run_dir)
    if leads:
        refuse_in_use(run)
    if values.overwrite and leads:  # once, and not again when workers are started again
        with lock(run):
            remove_run(run)


def _check_hosts(hosts: list[str], index: int | None) -> None:
    """Refuse hosts without ports, and an index that does not fit them."""
    if index is not None and not hosts:
        raise UserError("--index is the place of this machine in --hosts; give --hosts, too.")
    if hosts and (index is None or index >= len(hosts)):
        raise UserError(
            f"--index must say which of the {len(hosts)} --hosts this machine is, from 0."
        )
    for host in hosts:
        name, _, port = host.rpartition(":")
        if not name or not port.isdigit() or not 0 < int(port) < 65536:
            raise UserError(
                f"--hosts={host} has no port; write each as host:port, such as alpha:2222."
            )
    if again := [host for host in hosts if hosts.count(host) > 1]:
        raise UserError(f"--hosts has {again[0]} twice; give each worker its own address.")


def _has(words: list[str], *names: str) -> bool:
    """Return whether a flag of one of these names is among the words."""
    given = {word.lstrip("-").split("=")[0] for word in words if word.startswith("-")}
    return not given.isdisjoint(names)


def _without(words: list[str], name: str) -> list[str]:
    """Return the words without a flag that is on or off."""
    return [word for word in words if not _has([word], name, f"no{name}")]


def main(values: flags.FlagValues, rest: list[str]) -> int:
    index = values["index"].value
    _check_hosts(values.hosts, index)
    if not _has(rest, "workdir", "config"):
        raise UserError(
            "give the flags of the training after --, at least --workdir=FOLDER, which all workers"
            " share."
        )
    if _has(rest, "help", "h", "list", "dry_run"):
        return cli.call(train.main, train.define_flags, train.__doc__ or "", rest)
    prepare = functools.partial(_prepare, leads=not index)
    if code := cli.call(prepare, train.define_flags, train.__doc__ or "", rest):
        return code
    words = _without(rest, "overwrite")
    return launch(words, values.workers, values.hosts, index or 0, values.restarts, values.wait)
