"""The cache: recognizing copies, its bound, what goes first, and the command that shows it."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gan_zoo import cli
from gan_zoo.commands import cache as command
from gan_zoo.datasets import build_dataset, cache, store
from gan_zoo.errors import UserError

RNG = np.random.default_rng(0)


def noise(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def pictures(folder, n=6, broken=False):
    for i in range(n):
        path = folder / "ab"[i % 2] / f"{i}.bmp"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(8, 8, 3)).save(path)
    if broken:
        (folder / "a" / "x.png").write_bytes(b"")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(cache.VARIABLE, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def read(folder):
    return lambda path, size=(8, 8): build_dataset("files", size, None, path)


# ---- copies


def test_a_copied_or_moved_folder_is_not_decoded_again(read, tmp_path, decoded):
    first = read(pictures(tmp_path / "d", broken=True))
    before = decoded[0]
    shutil.copytree(tmp_path / "d", tmp_path / "copy", copy_function=shutil.copy)  # other times
    shutil.move(tmp_path / "d", tmp_path / "moved")
    for name in ("copy", "moved", "copy"):
        data = read(tmp_path / name)
        assert decoded[0] == before
        assert data.hash == first.hash and data.label_values == first.label_values
        assert data.notes[0].startswith(f"1 of 7 images in {tmp_path / name} cannot be used")


def test_a_known_copy_is_not_even_read_again(read, tmp_path, monkeypatch):
    read(pictures(tmp_path / "d"))
    shutil.copytree(tmp_path / "d", tmp_path / "copy", copy_function=shutil.copy)
    first = read(tmp_path / "copy")
    monkeypatch.setattr(type(tmp_path), "read_bytes", lambda path: pytest.fail("read"))
    assert read(tmp_path / "copy").hash == first.hash


def test_nothing_is_read_twice_where_no_copy_is_known(read, tmp_path, monkeypatch):
    reads, whole = [], type(tmp_path).read_bytes
    monkeypatch.setattr(
        type(tmp_path), "read_bytes", lambda path: reads.append(path) or whole(path)
    )
    read(pictures(tmp_path / "d"))
    assert len(reads) == 6


def test_the_same_names_and_sizes_are_no_copy(read, tmp_path, decoded):
    first = read(pictures(tmp_path / "d"))
    other = read(pictures(tmp_path / "other"))
    assert other.hash != first.hash and decoded[0] == 12
    shutil.copytree(tmp_path / "d", tmp_path / "c1", copy_function=shutil.copy)
    shutil.copytree(tmp_path / "other", tmp_path / "c2", copy_function=shutil.copy)
    assert read(tmp_path / "c1").hash == first.hash and read(tmp_path / "c2").hash == other.hash
    assert decoded[0] == 12


def test_other_settings_are_no_copy(read, tmp_path, decoded):
    read(pictures(tmp_path / "d"))
    shutil.copytree(tmp_path / "d", tmp_path / "copy", copy_function=shutil.copy)
    assert read(tmp_path / "copy", (9, 9)).images.shape[1:3] == (9, 9)
    assert decoded[0] == 12


def test_other_folders_for_the_same_files_are_other_classes(read, tmp_path):
    read(pictures(tmp_path / "d"))
    shutil.copytree(tmp_path / "d", tmp_path / "copy", copy_function=shutil.copy)
    (tmp_path / "copy" / "b").rename(tmp_path / "copy" / "c")
    assert read(tmp_path / "copy").label_values == {"class": ("a", "c")}


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"x": 3}', b"\xff"])
def test_a_damaged_index_does_no_harm(read, folder, tmp_path, decoded, damage):
    first = read(pictures(tmp_path / "d"))
    for path in (folder / "index").iterdir():
        path.write_bytes(damage)
    shutil.copytree(tmp_path / "d", tmp_path / "copy", copy_function=shutil.copy)
    assert read(tmp_path / "copy").hash == first.hash and decoded[0] == 12


def test_a_copy_whose_entry_is_gone_is_decoded(read, folder, tmp_path, decoded):
    first = read(pictures(tmp_path / "d"))
    shutil.copytree(tmp_path / "d", tmp_path / "copy", copy_function=shutil.copy)
    read(tmp_path / "copy")
    for path in folder.glob("*.npy"):
        path.unlink()
    assert read(tmp_path / "copy").hash == first.hash and decoded[0] == 12


# ---- the bound


def entry(folder, name, size, age):
    """Something in the cache that was used ``age`` days ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    when = 2 * 10**9 - age * 86400
    os.utime(path, (when, when))
    if path.suffix == ".npy":
        path.with_suffix(".json").write_text("{}")
        os.utime(path.with_suffix(".json"), (when, when))
    return path


@pytest.fixture
def full(folder):
    """A cache with something of each kind, 100 kB each, the oldest last."""
    return {
        "new": entry(folder, f"files-8x8-{'0' * 20}.npy", 10**5, 1),
        "program": entry(folder, "xla/0123456789ab/module.pb", 10**5, 2),
        "statistics": entry(folder, "evaluation/real-1-embedded-2-10-0.npz", 10**5, 3),
        "classifier": entry(folder, "evaluation/classifier-1-x.npz", 10**5, 4),
        "drawn": entry(folder, "cartoon_faces-v1-pillow1.0-5-seed0-28x28x3.npy", 10**5, 5),
        "old": entry(folder, f"files-8x8-{'1' * 20}.npy", 10**5, 6),
        "download": entry(folder, "inception/saved_model.pb", 10**5, 9),
        "mine": entry(folder, "my_pictures.npy", 10**5, 9),
        "mine too": entry(folder, "evaluation/my.npz", 10**5, 9),
    }


def left(full):
    return [name for name, path in full.items() if path.exists()]


def test_what_was_used_longest_ago_goes_first(folder, full):
    safe = ["download", "mine", "mine too"]
    order = ["new", "program", "statistics", "classifier", "drawn", "old"]
    for keep in range(6, -1, -1):
        cache.trim(folder, keep * 110_000)
        assert left(full) == order[:keep] + safe
    assert not list(folder.glob("files-*")) + list(folder.glob("cartoon*"))


def test_the_bound_can_be_set(folder, full, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "250kB")
    cache.trim(folder)
    assert left(full)[:2] == ["new", "program"] and len(left(full)) == 5
    for text, size in (("50GB", 50 * 10**9), ("1.5 T", 15 * 10**11), ("2MiB", 2 * 10**6), ("0", 0)):
        monkeypatch.setenv(cache.VARIABLE, text)
        assert cache.cache_limit(folder) == size
    for text in ("many", "-3GB", "20", "GB"):
        monkeypatch.setenv(cache.VARIABLE, text)
        with pytest.raises(UserError, match="write it as 50GB"):
            cache.cache_limit(folder)


def test_the_bound_is_at_most_half_of_the_disk(folder, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(total=10**9))
    assert cache.cache_limit(folder) == 5 * 10**8
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(total=10**13))
    assert cache.cache_limit(folder) == 20 * 10**9


def test_a_new_entry_pushes_out_the_old_ones_but_not_those_in_use(
    read, folder, full, tmp_path, monkeypatch
):
    used = read(pictures(tmp_path / "used"))
    monkeypatch.setenv(cache.VARIABLE, "0")
    data = read(pictures(tmp_path / "d"))
    assert left(full) == ["download", "mine", "mine too"]
    assert len(list(folder.glob("files-*.npy"))) == 2
    del used
    cache.trim(folder)
    assert len(list(folder.glob("files-*.npy"))) == 1
    assert data.hash == store.pixel_hash(data.images)


def test_what_another_process_uses_is_kept(read, folder, tmp_path):
    pictures(tmp_path / "d")
    code = (
        "import sys, pathlib; from gan_zoo.datasets import build_dataset\n"
        f"d = build_dataset('files', (8, 8), None, pathlib.Path({str(tmp_path / 'd')!r}))\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        removed, kept = cache.clear(folder, ["files-*"])
        assert (len(removed), len(kept)) == (0, 1) and len(list(folder.glob("*.npy"))) == 1
        process.stdin.close()
    assert len(cache.clear(folder, ["files-*"])[0]) == 1
    assert not list(folder.glob("*.npy"))


def test_an_entry_that_is_read_counts_as_used(read, folder, tmp_path):
    for name in ("a", "b"):
        read(pictures(tmp_path / name))
    reports = {json.loads(p.read_text())["report"]["where"]: p for p in folder.glob("*.json")}
    for name in ("a", "b", "a"):
        for path in folder.glob("files-*"):
            os.utime(path, (1, 1))
        read(tmp_path / name)
        used = [e.name for e in cache.cache_entries(folder) if e.kind == "images"]
        assert used[-1] == reports[str(tmp_path / name)].stem


def test_room_is_made_for_a_new_set_where_that_helps(read, folder, full, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)

    def disk(free):
        monkeypatch.setattr(
            shutil,
            "disk_usage",
            lambda _: usage._replace(free=free + 10**5 * (not full["old"].exists())),
        )

    disk(10**3)
    assert not read(pictures(tmp_path / "small"), (16, 16)).notes
    assert "old" not in left(full) and "drawn" in left(full)
    full["old"].write_bytes(b"")
    disk(-(10**9))
    assert "No space left" in read(pictures(tmp_path / "large"), (16, 16)).notes[-1]
    assert "drawn" in left(full)  # what would not have helped


# ---- the command


@pytest.fixture
def run(folder, capsys):
    def go(*words, code=0):
        assert cli.call(command.main, command.define_flags, command.__doc__, list(words)) == code
        out, err = capsys.readouterr()
        return err if code else out

    return go


def test_the_command_shows_what_there_is(run, full):
    out = run().splitlines()
    assert out[0].split() == ["size", "last", "used", "kind", "name"]
    kinds = [line.split()[4] for line in out[1:-1]]
    assert kinds == [
        "download",
        "images",
        "images",
        "statistics",
        "statistics",
        "programs",
        "images",
    ]
    assert out[-2].endswith("0" * 20) and "2033-05-1" in out[-2] and "10" in out[-2]
    assert "kB of 20.0 GB" in out[-1]
    assert "my_pictures" not in "".join(out)


def test_the_command_clears(run, full):
    assert "removed 1 entries, 1" in run("--clear", "xla")
    assert "program" not in left(full)
    run("--clear", "files-*")
    assert left(full)[0] == "statistics"
    assert run("--clear").startswith("removed 3 entries")
    assert left(full) == ["download", "mine", "mine too"]
    run("--clear", "inception")
    assert left(full) == ["mine", "mine too"]
    assert "there is no 'my_pictures'" in run("--clear", "my_pictures", code=2)
    assert "add --clear" in run("xla", code=2)


def test_an_empty_cache_is_shown(run):
    assert len(run().splitlines()) == 2


def test_the_command_says_what_is_in_use(run, read, tmp_path):
    data = read(pictures(tmp_path / "d"))
    assert "(in use)" in run()
    assert "it is in use" in run("--clear")
    assert len(data.images) == 6


def test_a_run_bounds_the_cache_at_its_end(folder, full, train, refused, idle_step, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, "many")
    assert "write it as 50GB" in refused("--steps=2")
    monkeypatch.setenv(cache.VARIABLE, "0")
    assert train("--steps=2") == 0
    assert left(full) == ["download", "mine", "mine too"]
