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

from absl import flags

from gan_zoo import cli, config
from gan_zoo.commands import train
from gan_zoo.distributed.launch import WAIT_SECONDS, launch
from gan_zoo.errors import UserError
from gan_zoo.runs.places import require_places


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


def _check_settings(values: flags.FlagValues, rest: list[str]) -> None:
    """Refuse wrong settings of the run once, here, and not in each worker."""
    train.refuse_words(rest)
    require_places(config.from_flags(values))


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
    if code := cli.call(_check_settings, train.define_flags, train.__doc__ or "", rest):
        return code
    return launch(rest, values.workers, values.hosts, index or 0, values.restarts, values.wait)
