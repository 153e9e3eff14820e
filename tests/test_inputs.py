"""Each kind of bad input: one sentence, exit code 2, no traceback, nothing lost."""

import io
import re
import zipfile

import filelock
import numpy as np
import pytest
from PIL import Image


def png(path, color=(200, 30, 30), size=(20, 16), mode="RGB"):
    Image.new(mode, size, color).save(path)


def folder_of(tmp_path, good, bad=()):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(good):
        png(folder / f"{i:03d}.png", (i, 255 - i, 7 * i % 255))
    for name, content in bad:
        (folder / name).write_bytes(content)
    return folder


def jpeg():
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


BAD_FILES = {
    "a text file named .png": ("note.png", b"this is no picture"),
    "a truncated jpeg": ("half.jpg", jpeg()[:1500]),
    "an empty file": ("empty.png", b""),
}


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--gen=dcgn"], "did you mean dcgan"),
        (["--disc=nothing_like_it"], "there are: anime_dcgan, cnn_fc, dcgan, dense"),
        (["--tricks=label_smoth"], "did you mean label_smooth"),
        (["--gen=dcgan(wdth=3)"], "dcgan(width=64"),
        (["--gen=dcgan(width='wide')"], "width='wide' has the wrong type"),
        (["--gen=__import__('os').system('touch /tmp/pwned')"], "write one of the two"),
        (["--gen=dcgan(width=open('x'))"], "never run"),
        (["--data_dir=/no/such/place"], "/no/such/place"),
        (["--steps=-5"], "--steps=-5 is too small"),
        (["--steps=many"], "--steps=many is not a whole number"),
        (["--steps=1e5"], "is not a whole number written in digits; write 100000;"),
        (["--disc_opt=adam(-1)"], "--disc_opt: optimizer adam(-1): learning_rate=-1"),
        (["--ema=much"], "--ema=much is not a number"),
        (["--image_size=0"], "--image_size=0 is not a size"),
        (["--gen=conv_noise28", "--image_size=64"], "28x28 images only, not 64x64"),
        (["--gen=dcgan", "--image_size=5x400"], "--image_size=5x400"),
        (["--loss=wasserstein", "--tricks=flip_labels"], "the loss 'wasserstein' has none"),
        (["--tricks=flip_labels(2.0)"], "rate=2.0 must be from 0 to 1"),
        (["--loss=non_saturating(1e999)"], "a number that is too large"),
        (["--samples=100000000"], "--samples=100000000 is too large; give 10000 or less"),
        (["--tricks=constant_label(-1e308,1e308)"], "constant_label"),
        (["--disc=simpsons_dcgan(width=100000000000000)"], "memory"),
        (["--disc=dcgan(width=8,dropout=1.0)"], "below 1"),
        (["--update=alternating(1.0)"], "whole number"),
        (["--config=/no/such/preset.py"], "there is no preset"),
        (["--unknown_flag=1"], "unknown_flag"),
        (["positional"], "'positional' is not a flag; write --name=value."),
        (["few64", "/"], "did you mean --config=few64 --data_dir=/?"),
        (
            ["--tricks=ada,", "lecam"],
            "put quotes around a value with blanks: --tricks='ada, lecam'",
        ),
        (["--conifg=few64"], "; did you mean --config?"),
        (["--list=genrators"], "there is no table 'genrators'"),
        (["--plugins=/no/such/file.py"], "there is no plugin file"),
        (["--data=simpsons", "--data_dir="], "simpsons"),
    ],
)
def test_flags(refused, train, flags, says):
    assert says in refused(*flags)
    assert not train.folder.exists()


def test_after_a_mistake_folders_above_go_too_but_for_what_holds_something(
    refused, train, tmp_path
):
    (tmp_path / "held" / "notes").mkdir(parents=True)
    refused("--condition=projection", workdir=tmp_path / "held" / "new" / "er" / "run")
    assert [path.name for path in (tmp_path / "held").iterdir()] == ["notes"]
    (tmp_path / "mine").mkdir()
    for folder in ("mine", "mine/run", "other/run"):
        train("--data_dir=nowhere", workdir=tmp_path / "one" / ".." / folder)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["held", "mine"]


def test_after_a_mistake_an_empty_folder_of_the_users_stays(refused, train):
    train.folder.mkdir()
    refused("--condition=projection")
    assert train.folder.is_dir()
    assert not any(train.folder.glob("[!.]*"))


def test_an_empty_folder(refused, tmp_path):
    assert str(tmp_path / "pictures") in refused(f"--data_dir={folder_of(tmp_path, 0)}")


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_few_bad_files_are_named_and_skipped(train, idle_step, tmp_path, capsys, kind):
    folder = folder_of(tmp_path, 12, [BAD_FILES[kind]])
    before = sorted((p.name, p.read_bytes()) for p in folder.iterdir())
    assert train(f"--data_dir={folder}", "--steps=1") == 0
    out = capsys.readouterr().out
    assert BAD_FILES[kind][0] in out
    assert "12 images" in out
    assert sorted((p.name, p.read_bytes()) for p in folder.iterdir()) == before


@pytest.mark.parametrize("kind", BAD_FILES)
def test_too_many_bad_files_are_an_error(refused, tmp_path, kind):
    name, content = BAD_FILES[kind]
    bad = [(f"{i}{name}", content) for i in range(5)]
    assert "5 of 13" in refused(f"--data_dir={folder_of(tmp_path, 8, bad)}")


def test_a_zip_with_a_path_that_climbs_out(refused, tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as z:
        for i in range(10):
            buffer = io.BytesIO()
            png(buffer_path := tmp_path / f"{i}.png")
            z.writestr(f"{i}.png", buffer_path.read_bytes() or buffer.getvalue())
        z.writestr("../outside.png", buffer_path.read_bytes())
    assert "../outside.png" in refused(f"--data_dir={path}")
    assert not (tmp_path.parent / "outside.png").exists()


def test_gray_data_for_a_color_net(refused, tmp_path):
    folder = tmp_path / "gray"
    folder.mkdir()
    for i in range(12):
        png(folder / f"{i}.png", i * 20, mode="L")
    assert "--channels=1" in refused(f"--data_dir={folder}", "--channels=3")


@pytest.mark.parametrize("workdir", ["/proc/nowhere/run", "{tmp}/file/run"])
def test_a_workdir_that_cannot_be_written(refused, tmp_path, workdir):
    (tmp_path / "file").write_text("mine")
    said = refused(f"--workdir={workdir.format(tmp=tmp_path)}")
    assert re.search("the run directory .* cannot be (made|written)", said)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_workdir_with_other_things_in_it(refused, train):
    train.folder.mkdir()
    (train.folder / "thesis.tex").write_text("mine")
    assert "thesis.tex" in refused()
    assert [p.name for p in train.folder.iterdir()] == ["thesis.tex"]


def test_other_settings_on_resume(refused, train, idle_step):
    assert train("--steps=2") == 0
    before = {
        p: p.read_bytes() for p in train.folder.rglob("*") if p.is_file() and p.name != ".lock"
    }
    said = refused("--batch=16", "--loss=hinge")
    assert "batch 8 -> 16" in said
    assert "loss 'non_saturating' -> 'hinge'" in said
    assert {p: p.read_bytes() for p in before} == before


def test_other_data_on_resume(refused, train, idle_step, tmp_path):
    folder = folder_of(tmp_path, 12)
    assert train("--steps=2", f"--data_dir={folder}") == 0
    png(folder / "more.png")
    assert "12 images then, 13 now" in refused("--steps=4", f"--data_dir={folder}")


def test_two_runs_in_one_workdir(refused, train, idle_step, monkeypatch):
    assert train("--steps=2") == 0
    with monkeypatch.context() as patch, filelock.FileLock(train.folder / ".lock"):
        patch.setattr("gan_zoo.cli.load_tensorflow", lambda verbose: pytest.fail("told late"))
        assert "in use by another process" in refused("--steps=4")
    assert train("--steps=4") == 0


def test_a_damaged_config_json(refused, train, idle_step):
    assert train("--steps=2") == 0
    for content in ("{", "{}", "[]"):
        (train.folder / "config.json").write_text(content)
        assert "config.json cannot be read" in refused("--steps=4")


def test_a_preset_that_is_a_run(refused, train, idle_step):
    assert train("--steps=2") == 0
    assert "config.json" in refused(f"--config={train.folder / 'config.json'}")
