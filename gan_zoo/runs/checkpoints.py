"""Everything that a run needs in order to go on exactly where it stopped."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from gan_zoo.errors import UserError
from gan_zoo.game.step import Game
from gan_zoo.runs.writer import Writer, at_once

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


class _Names(NamedTuple):
    """What a checkpoint of TensorFlow holds beside values, which stays the same in a run.

    Attributes:
        graph: The structure of all objects, serialized.
        variables: The variables, by their names in the file; {} where that cannot be found out.
    """

    graph: bytes
    variables: dict[str, tf.Variable]


class Checkpoints:
    """Saves and restores all the state of a game.

    That is its nets, optimizers, moving average and step, the seeds of dropout, and the variables
    of tricks. Batches and noise are functions of (seed, step), so the step is all of their state. A
    checkpoint is two files, ``step-N.data-00000-of-00001`` and then ``step-N.index``, and counts
    once the second is there. (TensorFlow's own CheckpointManager trusts a third file and deletes by
    pattern, which in a folder called ``run[1]`` hits ``run1``.)

    Attributes:
        notes: Sentences about checkpoints that could not be read.
        latest: The step of the newest good checkpoint that this saver wrote (or that its writer
            is to write) or restored, or None.
    """

    def __init__(self, game: Game, folder: Path, keep: int, writer: Writer | None = None):
        """Keep the ``keep`` newest checkpoints in ``folder``, the best one in ``folder/best``.

        With a ``writer`` they are written behind the training.
        """
        nets = {
            "gen": game.gen,
            "disc": game.disc,
            **({"ema": game.ema} if game.ema is not None else {}),
        }
        # Keras does not put the state of Dropout's generators into a TensorFlow checkpoint.
        seeds = [
            v for net in nets.values() for v in net.variables if "seed_generator_state" in v.path
        ]
        state = {
            "gen_opt": game.gen_opt,
            "disc_opt": game.disc_opt,
            "step": game.step,
            "seeds": seeds,
        }
        self._checkpoint = tf.train.Checkpoint(
            **nets, **state, tricks=[list(trick.variables) for trick in game.tricks]
        )
        self._folder, self._keep, self._step = folder, keep, game.step
        self._writer, self._submit = writer, writer.submit if writer else at_once
        # Of several devices, TensorFlow alone knows what of each to save.
        self._may_copy = writer is not None and not tf.distribute.has_strategy()
        self._names = _Names(b"", {})
        self.notes: list[str] = []
        self.latest: int | None = None

    def remove_leftovers(self) -> None:
        """Remove what kills left behind: temporary folders, and data without an index.

        Only the process that holds the run's lock may call it.
        """
        for folder in (self._folder, self._folder / "best"):
            whole = set(stored_steps(folder))
            for path in folder.iterdir() if folder.is_dir() else ():
                found = re.fullmatch(r"step-(\d+)(_temp|\.data-.*|\.index\.tempstate.*)", path.name)
                if found and (
                    found[2][0] != "."
                    or found[2].startswith(".index")
                    or int(found[1]) not in whole
                ):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def save(self, step: int) -> None:
        """Write a checkpoint of this step, then drop the oldest.

        Raises:
            UserError: The disk does not take it; what was there before is left as it was.
        """
        self._write(self._folder, step, self._keep)
        self.latest = step

    def save_best(self, step: int) -> None:
        """Write this step as the best one, in the folder ``best``."""
        self._write(self._folder / "best", step, 1)

    def _write(self, folder: Path, step: int, keep: int) -> None:
        if self._names.variables:
            # Copies, since the next steps change the variables.
            values = {name: v.numpy() for name, v in self._names.variables.items()}
            size = sum(value.nbytes for value in values.values())
            self._submit(self._put, folder, step, keep, values, size=size)
            return
        if self._writer:
            self._writer.wait()
        self._put(folder, step, keep)
        if self._may_copy:
            self._names = _names(self._checkpoint, str(folder / f"step-{step}"))

    def _put(
        self, folder: Path, step: int, keep: int, values: dict[str, np.ndarray] | None = None
    ) -> None:
        """Write a checkpoint of ``values``, or else of the variables; drop the oldest."""
        prefix = str(folder / f"step-{step}")
        try:
            if values is None:
                self._checkpoint.write(prefix)
            else:
                _save(prefix, values, self._names.graph)
        except (tf.errors.OpError, OSError) as e:
            raise UserError(
                f"the checkpoint of step {step} cannot be written to {folder} ({_short(e)}); the"
                " earlier ones are intact: make room, and the same command goes on from the last"
                " of them."
            ) from e
        for old in stored_steps(folder)[:-keep]:
            for path in (folder / f"step-{old}.index", *folder.iterdir()):
                if path.name == f"step-{old}.index" or path.name.startswith(f"step-{old}.data-"):
                    path.unlink(missing_ok=True)

    def roll_back(self) -> int | None:
        """Restore the best checkpoint but keep the step, so that new batches and noise follow.

        Returns:
            The step of that checkpoint, or None where there is none that can be read.
        """
        if self._writer:
            self._writer.wait()
        now = self._step.numpy()
        try:
            return self.restore(best=True)
        except UserError:
            return None
        finally:
            self._step.assign(now)

    @property
    def steps(self) -> list[int]:
        """The steps of the checkpoints on disk, oldest first."""
        return stored_steps(self._folder)

    def restore(self, step: int | None = None, *, best: bool = False) -> int:
        """Restore the newest readable checkpoint, that of ``step``, or the best.

        Returns:
            Its step; 0 if there is no checkpoint.

        Raises:
            UserError: There are checkpoints but none can be read, or there is none of ``step``, or
                no best one.
        """
        at = _read(self._checkpoint, self._folder, step, best, self.notes)
        self.latest = None if best or at is None else at
        return at or 0


def restore_nets(
    nets: dict[str, keras.Model], folder: Path, step: int | None = None, *, best: bool = False
) -> tuple[int | None, list[str]]:
    """Restore nets alone: ``gen``, ``disc`` and, where the run has one, ``ema``.

    Returns:
        The step, or None if there is no checkpoint; sentences about those that cannot be read.

    Raises:
        UserError: As :meth:`Checkpoints.restore`.
    """
    notes: list[str] = []
    return _read(tf.train.Checkpoint(**nets), folder, step, best, notes), notes


def _read(
    checkpoint: tf.train.Checkpoint, folder: Path, step: int | None, best: bool, notes: list[str]
) -> int | None:
    """Read the newest readable checkpoint, that of ``step``, or the best; return its step."""
    folder = folder / "best" if best else folder
    stored = stored_steps(folder)
    if best and not stored:
        raise UserError(
            f"there is no best checkpoint in {folder}; the first evaluation (--eval_every) makes"
            " it."
        )
    if step is not None and step not in stored:
        raise UserError(
            f"there is no checkpoint of step {step}; there are:"
            f" {', '.join(map(str, stored)) or 'none'}."
        )
    wanted = [s for s in reversed(stored) if step in (None, s)]
    for at in wanted:
        try:
            status = checkpoint.read(str(folder / f"step-{at}"))
            status.assert_existing_objects_matched().expect_partial()
        except Exception as e:  # for damaged files: OpError, IndexError, RuntimeError ...
            notes.append(f"the checkpoint step-{at} cannot be read and is skipped ({_short(e)}).")
        else:
            return at
    if wanted:
        raise UserError(
            f"none of the checkpoints in {folder} can be read ({notes[-1]}); restore them or start"
            " a new run."
        )
    return None


def _names(checkpoint: tf.train.Checkpoint, prefix: str) -> _Names:
    """Return the names of the variables of ``checkpoint``, which TensorFlow wrote to ``prefix``."""
    reader = tf.train.load_checkpoint(prefix)
    graph = reader.get_tensor(_GRAPH)
    nodes = TrackableObjectGraph.FromString(graph).nodes
    view = tf.train.TrackableView(checkpoint)
    objects, todo, variables = {0: checkpoint}, [0], {}
    while todo:
        at = todo.pop()
        for attribute in nodes[at].attributes:
            if attribute.name == "VARIABLE_VALUE":
                variables[attribute.checkpoint_key] = objects[at]
        children = view.children(objects[at])
        for child in nodes[at].children:
            if child.node_id not in objects:
                objects[child.node_id] = children[child.local_name]
                todo.append(child.node_id)
    whole = set(reader.get_variable_to_shape_map()) == {*variables, _GRAPH}
    return _Names(graph, variables if whole else {})


def _save(prefix: str, values: dict[str, np.ndarray], graph: bytes) -> None:
    """Write a checkpoint as :meth:`tf.train.Checkpoint.write` does, of values in memory."""
    names, tensors = [*values, _GRAPH], [*values.values(), graph]
    with tf.device("CPU"):
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.constant(tensor) for tensor in tensors],
        )


def stored_steps(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder, oldest first."""
    if not folder.is_dir():
        return []
    found = (re.fullmatch(r"step-(\d+)\.index", path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in found if match)


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
