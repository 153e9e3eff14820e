"""The thread that writes behind the training, and the checkpoints that it writes."""

import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from gan_zoo.errors import UserError
from gan_zoo.runs import checkpoints, writer
from gan_zoo.runs.checkpoints import Checkpoints
from gan_zoo.runs.writer import Writer
from gan_zoo.training.logger import Logger
from gan_zoo.training.trackers.tensorboard import TensorBoard
from tests.test_run import DENSE, log


@pytest.fixture
def behind():
    made = Writer()
    yield made
    made.close()


def test_jobs_run_in_order_in_one_other_thread(behind):
    done = []
    for i in range(200):  # more than may wait at once
        behind.submit(lambda i: done.append((i, threading.current_thread())), i)
    behind.wait()
    assert [i for i, _ in done] == list(range(200))
    assert len({thread for _, thread in done}) == 1
    assert done[0][1] is not threading.current_thread()


def test_after_an_error_nothing_more_is_written_and_it_is_raised_until_the_end():
    behind, free, done = Writer(), threading.Event(), []

    def fail():
        free.wait(10)
        raise UserError("the disk is full.")

    behind.submit(fail)
    behind.submit(done.append, "later")
    free.set()
    with pytest.raises(UserError, match="the disk is full"):
        behind.wait()
    with pytest.raises(UserError, match="the disk is full"):
        behind.submit(done.append, "later still")
    behind.close()  # it was told already
    assert done == []


def test_an_error_that_nobody_waited_for_is_raised_at_the_end():
    behind = Writer()
    behind.submit(int, "no number")
    with pytest.raises(ValueError, match="no number"):
        behind.close()
    behind.close()


@pytest.mark.parametrize("size", [0, 2**20])
def test_few_jobs_and_bytes_wait_at_once(behind, monkeypatch, size):
    monkeypatch.setattr(writer, "MOST_JOBS", 4)
    monkeypatch.setattr(writer, "MOST_BYTES", 3 * 2**20)
    free, waiting = threading.Event(), []

    def submit():
        for i in range(10):
            behind.submit(free.wait, 10, size=size)
            waiting.append(i)

    other = threading.Thread(target=submit)
    other.start()
    other.join(0.3)
    assert other.is_alive()
    assert len(waiting) == (3 if size else 4)
    free.set()
    other.join(10)
    assert len(waiting) == 10


def test_one_job_larger_than_all_room_is_taken(behind):
    behind.submit(int, size=2 * writer.MOST_BYTES)


class Nets:
    """What a checkpoint asks of a game."""

    def __init__(self, seed):
        keras.utils.set_random_seed(seed)
        self.gen, self.disc = (
            keras.Sequential(
                [keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization(),
                 keras.layers.Dropout(0.5), keras.layers.Dense(1, dtype=dtype)]
            )
            for dtype in ("float32", "bfloat16")
        )  # fmt: skip
        self.ema, self.step = None, tf.Variable(seed, dtype=tf.int64)
        self.gen_opt, self.disc_opt = keras.optimizers.Adam(), keras.optimizers.SGD()
        for optimizer, net in ((self.gen_opt, self.gen), (self.disc_opt, self.disc)):
            optimizer.build(net.trainable_variables)
        self.tricks = []

    def state(self):
        parts = (self.gen, self.disc, self.gen_opt, self.disc_opt)
        return [v.numpy() for part in parts for v in part.variables] + [self.step.numpy()]


def assert_equal(one, two):
    for a, b in zip(one, two, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_a_checkpoint_is_the_state_at_its_step_though_it_is_written_later(behind, tmp_path):
    nets, free = Nets(1), threading.Event()
    saver = Checkpoints(nets, tmp_path, 3, behind)
    saver.save(1)  # by TensorFlow, which tells the names
    for variable in (*nets.gen.variables, *nets.disc.variables, *nets.gen_opt.variables):
        variable.assign(variable + tf.cast(3, variable.dtype))
    then = nets.state()
    behind.submit(free.wait, 10)
    saver.save(2)
    assert not (tmp_path / "step-2.index").exists()
    for variable in (*nets.gen.trainable_variables, nets.step):
        variable.assign(variable * 5)
    free.set()
    behind.wait()
    again = Nets(7)
    assert Checkpoints(again, tmp_path, 3).restore() == 2
    assert_equal(again.state(), then)
    one, two = (tf.train.load_checkpoint(str(tmp_path / f"step-{step}")) for step in (1, 2))
    assert one.get_variable_to_dtype_map() == two.get_variable_to_dtype_map()


def test_of_several_devices_tensorflow_writes_each_checkpoint(behind, tmp_path):
    done = []
    with tf.distribute.OneDeviceStrategy("CPU").scope():
        saver = Checkpoints(Nets(1), tmp_path, 3, behind)
    for step in (1, 2):
        behind.submit(done.append, step)
        saver.save(step)
        assert len(done) == step  # what was to be written before is written before
        assert (tmp_path / f"step-{step}.index").exists()


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Logger, "_write_grid"), (TensorBoard, "scalars"), (checkpoints, "_save")],
)
def test_a_disk_that_is_full_behind_the_training_is_a_sentence(
    refused, train, idle_step, monkeypatch, owner, name
):
    def full(*args):
        if args[1] == 4 or name == "_save":  # a step that is not the first
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(owner, name, full)
    said = refused(*DENSE)
    assert "No space left on device" in said
    if name == "_save":
        assert "the checkpoint of step 4 cannot be written" in said
    steps = [line["step"] for line in log(train.folder)]
    assert steps[:1] == [2]
    assert not (train.folder / "checkpoints" / "step-6.index").exists()
    assert not (train.folder / "generator.keras").exists()
