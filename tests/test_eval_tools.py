"""gan_zoo evaluate, gan_zoo memorization and gan_zoo audit as a user meets them."""

import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from gan_zoo import images
from gan_zoo.analysis.duplicates import near_duplicates
from gan_zoo.analysis.held_out import other_images
from gan_zoo.analysis.pictures import compression_note
from gan_zoo.config import Config
from gan_zoo.datasets import build_dataset, picture_files, pixels, sources
from gan_zoo.evaluation.protocol import Result, comparable
from gan_zoo.runs.run import Run
from gan_zoo.spec import Spec

QUICK = "--extractor=random_conv"


def mosaics(n, seed, size=16, channels=3):
    """Draw uint8 [n, size, size, channels]: 4x4 fields of random colors with some noise."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(0, 256, (n, 4, 4, channels)).repeat(size // 4, 1).repeat(size // 4, 2)
    return np.clip(fields + rng.normal(0, 6, fields.shape), 0, 255).astype(np.uint8)


def save_folder(folder, images, names="{:04d}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
            folder / names.format(i)
        )
    return folder


def save_npz(path, images):
    np.savez(path, images=images)
    return path


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    return save_npz(tmp_path_factory.mktemp("real") / "real.npz", mosaics(240, 0))


@pytest.fixture(scope="module")
def trained(tmp_path_factory, train_for_all):
    """A run that kept a quarter of its images and evaluated itself."""
    return train_for_all(
        tmp_path_factory.mktemp("trained") / "run",
        "--holdout=0.25",
        "--ema=0.5",
        "--steps=4",
        "--eval_every=2",
        "--eval_samples=30",
        "--eval_budget=1",
        QUICK,
        idle=True,
    )


def values(record, part="results"):
    return {r["metric"]: r["value"] for r in record[part]}


def lines(folder):
    return [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]


# evaluate


@pytest.fixture
def no_swd(monkeypatch):
    """Leave out the sliced Wasserstein distance, which takes longer than all other metrics."""
    monkeypatch.setattr(
        "gan_zoo.evaluation.sliced_wasserstein.sliced_wasserstein", lambda *_, **__: {}
    )


def test_a_run_scores_as_in_its_own_final_evaluation_and_logs_it(tool, trained):
    before = lines(trained)
    out = tool("evaluate", trained, "--n=30", "--out=deep/x.json")
    record = json.loads(Path("deep/x.json").read_text())
    own = {r["metric"]: r for r in before if r["final"]}
    assert len(own) == len(record["results"]) >= 8
    for result in record["results"]:
        expected = own[result["metric"]]
        assert result["value"] == pytest.approx(expected["value"], rel=1e-6)
        assert {
            k: v for k, v in result.items() if k not in ("value", "error")
        }.items() <= expected.items()
    assert record["results"][0]["ema"] is True
    assert "step 4 (EMA), against 72 images 16x16x3 of files (train)" in out
    assert "\n  real against real: " in out
    assert "the distance is biased upwards" in out  # 30 images are few
    assert "random_conv is not a classifier" in out
    assert record["left_out"]
    new = lines(trained)[len(before) :]
    assert {r["metric"]: r["value"] for r in new} == values(record)
    assert {(r["step"], r["by"]) for r in new} == {(4, "gan_zoo evaluate")}
    tool("evaluate", trained, "--n=30", "--nolog")
    assert len(lines(trained)) == len(before) + len(new)


def test_other_checkpoints_parts_and_sizes_of_a_run(tool, trained, no_swd):
    def score(*flags):
        Path("x.json").unlink(missing_ok=True)
        tool("evaluate", trained, "--n=24", "--nolog", "--out=x.json", *flags)
        record = json.loads(Path("x.json").read_text())
        return record["results"][0], record

    newest, older, plain = score()[0], score("--step=2")[0], score("--noema")[0]
    assert newest["value"] != older["value"]
    assert (newest["ema"], plain["ema"]) == (True, False)
    best = score("--best")[0]
    assert best["value"] in (newest["value"], older["value"])
    held_out, record = score("--split=held-out")
    assert (held_out["split"], held_out["n_real"], record["data"]["count"]) == ("held-out", 24, 24)
    assert (
        len({held_out["data_hash"], newest["data_hash"], score("--split=all")[0]["data_hash"]}) == 3
    )
    larger, record = score("--image_size=20", "--step=4")
    assert larger["resize"] == "crop+lanczos (Pillow), lanczos 64; fake: crop+lanczos (Pillow)"
    assert any(
        "makes images of 16x16x3 and the data are 20x20x3" in note for note in record["notes"]
    )
    assert record["data"]["count"] == 96  # other data have no held-out images of this run
    assert record["results"][0]["split"] == "all"


def test_real_images_score_as_the_floor_says_and_themselves_zero(tool, real, tmp_path, no_swd):
    images = np.load(real)["images"]
    half = save_folder(tmp_path / "half", images[:120])
    out = tool(
        "evaluate",
        half,
        f"--data_dir={save_npz(tmp_path / 'other.npz', images[120:])}",
        QUICK,
        "--out=x.json",
    )
    record = json.loads(Path("x.json").read_text())
    assert f"120 pictures of {half}, against 120 images 16x16x3 of files (all)" in out
    (score, floor), error = (
        (values(record, part)["FD-random_conv"] for part in ("results", "floor")),
        record["results"][0]["error"],
    )
    assert 0 < score < 2 * floor  # the floor is of 60 against 60
    same = tool("evaluate", half, f"--data_dir={half}", QUICK, "--out=y.json")
    assert values(json.loads(Path("y.json").read_text()))["FD-random_conv"] == pytest.approx(
        0, abs=error / 100
    )
    assert "120 of 120 pictures are also among the real ones, pixel for pixel" in same
    assert "among the real ones" not in out
    first = json.loads(Path("y.json").read_text())["results"][0]
    assert (first["split"], first["error"], first["warning"]) == ("all", None, "")
    assert "resiz" not in same
    assert "another size" not in same
    noise = save_npz(
        tmp_path / "noise.npz",
        np.random.default_rng(0).integers(0, 255, images[:120].shape, np.uint8),
    )
    tool("evaluate", noise, f"--data_dir={real}", QUICK, "--out=z.json")
    assert values(json.loads(Path("z.json").read_text()))["FD-random_conv"] > 5 * score


def test_pictures_of_other_sizes_and_colors_are_resized_with_a_note(tool, real, tmp_path, no_swd):
    large = mosaics(24, 1).repeat(2, 1).repeat(2, 2)[:, :, 4:28]  # 32 high, 24 wide
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        for i, image in enumerate(large):
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "JPEG")
            archive.writestr(f"in/{i}.jpg", buffer.getvalue())
    out = tool("evaluate", "large.zip", real, "--image_size=16", QUICK, "--out=x.json")
    assert f"the pictures in large.zip are JPEG and those in {real} are not" in out
    assert "another size than the data; they were resized to 16x16: crop+lanczos (Pillow)" in out
    record = json.loads(Path("x.json").read_text())
    assert record["results"][0]["resize"] == "none, lanczos 64; fake: crop+lanczos (Pillow)"
    out = tool("evaluate", "large.zip", f"--data_dir={real}", QUICK)
    assert "all images are compared at 32x24, the size of the first picture" in out
    gray = save_npz(tmp_path / "gray.npz", mosaics(24, 2, channels=1))
    out = tool("evaluate", "large.zip", f"--data_dir={gray}", "--image_size=16", QUICK)
    assert "are in color and the data are gray; the pictures were made gray" in out
    assert "SWD is left out: it wants 3 channels" in out
    out = tool("evaluate", gray, f"--data_dir={real}", QUICK)
    assert "are gray and the data are in color" in out and "JPEG" not in out


def test_jpeg_against_other_files_is_told_by_their_first_bytes(tmp_path):
    def folder(name, *kinds):
        for i, image in enumerate(mosaics(len(kinds), 0)):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(image).save(tmp_path / name / f"{i}.png", kinds[i])
        return tmp_path / name

    jpeg, png = folder("jpeg", *3 * ["JPEG"], "PNG"), folder("png", *3 * ["PNG"], "JPEG")
    array = save_npz(tmp_path / "array.npz", mosaics(4, 0))
    for one, two in ((jpeg, jpeg), (png, png), (png, array)):
        assert compression_note(one, two) == compression_note(two, one) == ""
    for other in (png, array):
        for pair in ((jpeg, other), (other, jpeg)):
            said = compression_note(*pair)
            assert said.startswith(f"the pictures in {jpeg} are JPEG and those in {other} are not")


def test_statistics_of_real_images_stand_for_them(tool, real, trained, tmp_path, no_swd):
    """The distance by a saved file is that of the images themselves, for pictures and for a run."""
    pictures = save_npz(tmp_path / "fake.npz", mosaics(60, 5))
    out = tool(
        "evaluate",
        pictures,
        f"--data_dir={real}",
        "--save_statistics=stats.npz",
        "--out=a.json",
        QUICK,
    )
    assert "stats.npz: mean and covariance of the features of 240 real images" in out
    out = tool("evaluate", pictures, "--real_statistics=stats.npz", "--out=b.json", QUICK)
    assert "against statistics of stats.npz" in out and "they need real images" in out
    a, b = (json.loads(Path(name).read_text())["results"] for name in ("a.json", "b.json"))
    assert [r["metric"] for r in b] == ["FD-random_conv"]
    assert "stats.npz is of the data files@" in out
    assert "60 images against 60 others of the same data" in out
    assert "what real pictures score is not known" not in out
    assert b[0]["value"] == pytest.approx(a[0]["value"], rel=1e-5)
    assert (b[0]["n_real"], b[0]["n_fake"]) == (240, 60)
    assert comparable(*(Result.from_dict(r[0]).stamp for r in (a, b))) == ""
    tool("evaluate", pictures, "--real_statistics=stats.npz", "--out=c.json", "--seed=1", QUICK)
    assert json.loads(Path("c.json").read_text())["results"][0]["split"] == "of stats.npz"
    out = tool("evaluate", trained, "--real_statistics=stats.npz", "--n=24", "--nolog")
    assert "step 4 (EMA), against statistics of stats.npz" in out
    one = save_npz(tmp_path / "one_channel.npz", mosaics(24, 2, channels=1))
    assert "gray" not in tool("evaluate", one, "--real_statistics=stats.npz", QUICK)
    with np.load("stats.npz") as z:
        np.savez("theirs.npz", mu=z["mu"], sigma=z["sigma"])
    out = tool("evaluate", pictures, "--real_statistics=theirs.npz", QUICK)
    assert "theirs.npz does not say which network" in out
    assert "what real pictures score is not known" in out
    assert re.search(r"60 fake/\? real of theirs.npz@\w{4}, none, lanczos 64\)", out)
    said = tool("evaluate", pictures, "--real_statistics=stats.npz", code=2)
    assert "give the --extractor that they were made with" in said


def test_n_pictures_are_drawn_by_seed(tool, tmp_path):
    real = save_npz(tmp_path / "real.npz", mosaics(80, 0, channels=1))
    folder = save_folder(tmp_path / "many", mosaics(60, 3, channels=1))

    def score(*flags):
        Path("x.json").unlink(missing_ok=True)
        tool("evaluate", folder, f"--data_dir={real}", QUICK, "--out=x.json", *flags)
        record = json.loads(Path("x.json").read_text())
        return record["results"][0]["n_fake"], record["results"][0]["value"]

    assert score("--n=20") == score("--n=20")
    assert score("--n=20") != score("--n=20", "--seed=1")
    assert score()[0] == 60


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "one run, or one folder, archive or array of pictures is needed, but 0 were given"),
        (["a", "b", "c"], "but 3 were given"),
        (["{real}", "nowhere"], "--data_dir=nowhere does not exist"),
        (["{trained}", "{trained}"], "{trained} is a run, but a second path is that of the real"),
        (["{real}", "{real}", "--data_dir=x"], "both name the real images"),
        (["{real}", "{real}", "--real_statistics=x"], "takes the place of"),
        (["nowhere"], "there is no nowhere"),
        (["{real}"], "so the real images to compare them with are needed"),
        (["{real}", "--data_dir=nowhere"], "--data_dir=nowhere does not exist"),
        (["{real}", "--data=files"], "needs to know where the images are"),
        (["{real}", "--data=cartoon_face"], "did you mean cartoon_faces"),
        (["{real}", "--data_dir={real}", "--step=3"], "--step is for a run"),
        (["{real}", "--data_dir={real}", "--best"], "--best is for a run"),
        (["{real}", "--data_dir={real}", "--extractor=inceptoin"], "did you mean inception"),
        (["{real}", "--data_dir={real}", "--split=held-out"], "--holdout is 0"),
        (["{real}", "--data_dir={real}", "--out=x.txt"], "must end in .json"),
        (["{real}", "--data_dir={real}", "--save_statistics=x"], "must end in .npz"),
        (["{real}", "--real_statistics={real}", "--data_dir={real}"], "takes the place of"),
        (["{real}", "--real_statistics={real}"], "mu or sigma is missing"),
        (["{real}", "--real_statistics=nowhere.npz"], "there is no file nowhere.npz"),
        (["{real}", "--data_dir={real}", "--n=5"], "n"),
        (["{real}", "--data_dir={real}", "--image_size=2000"], "--image_size=2000 is not a size"),
        (["{empty}", "--data_dir={real}"], "there are no images in {empty}; put files in it"),
        (["{text}", "--data_dir={real}"], "or .parquet as the path"),
        (["{broken}", "--data_dir={real}"], "none of the 1 pictures in {broken} can be read"),
        (["{broken}", "--data_dir={real}", "--image_size=16"], "or check the path"),
        (["{one}", "--data_dir={real}", QUICK], "needs at least 2 images"),
        (["{trained}", "--step=3"], "there is no checkpoint of step 3; there are: 2, 4"),
        (["{trained}", "--step=2", "--best"], "--best and --step name two checkpoints"),
        (
            ["{trained}", "--holdout=0.5"],
            "was trained with --holdout=0.25, which cannot be changed now",
        ),
        (
            ["{trained}", "--split=held-out", "--data_dir={real}"],
            "the data are not those that {trained} was trained on",
        ),
        (["{trained}", "--image_size=20", "--split=held-out"], "--holdout is 0"),
    ],
)
def test_evaluate_refuses_in_a_sentence(tool, real, trained, tmp_path, words, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no pictures")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    save_folder(tmp_path / "one", mosaics(1, 4))
    names = {
        "real": real,
        "trained": trained,
        "empty": tmp_path / "empty",
        "text": tmp_path / "text.txt",
    }
    names |= {"broken": tmp_path / "broken", "one": tmp_path / "one"}
    said = tool("evaluate", *(w.format(**names) for w in words), code=2)
    assert says.format(**names) in said


def test_scores_of_few_pictures_say_what_is_not_computed(tool, real, tmp_path, no_swd):
    few = save_folder(tmp_path / "few", mosaics(3, 4))
    out = tool("evaluate", few, f"--data_dir={few}", QUICK)
    assert "coverage are not computed: they need 6 images of each kind" in out
    assert "real against real is not computed for any metric" in out


def test_the_audit_has_the_notes_of_a_training(tool, tmp_path):
    for folder, count in (("train/cat", 3), ("train/dog", 1), ("test/cat", 2)):
        save_folder(tmp_path / "set" / folder, mosaics(count, 4))
    out = tool("audit", tmp_path / "set", "--nosheet")
    assert "4 images" in out and "2 of test are left out" in out
    assert "1 of 2 classes have a single image (dog)" in out
    flags = ("--data=files(split='all')", f"--data_dir={tmp_path / 'set'}", "--nosheet")
    assert "6 images" in tool("audit", *flags)


# memorization


def test_copies_are_found_and_held_out_images_pass(tool, real, tmp_path):
    held_out = save_folder(tmp_path / "held_out", mosaics(200, 5))
    honest = save_npz(tmp_path / "honest.npz", mosaics(100, 6))
    rng = np.random.default_rng(0)
    chosen = np.load(real)["images"][rng.permutation(240)[:100]]
    copies = save_npz(
        tmp_path / "copies.npz",
        np.clip(chosen + rng.normal(0, 5, chosen.shape), 0, 255).astype(np.uint8),
    )
    mixed = save_npz(
        tmp_path / "mixed.npz",
        np.concatenate([np.load(copies)["images"][:15], np.load(honest)["images"]]),
    )
    given = (f"--data_dir={real}", f"--held_out_dir={held_out}", QUICK)

    out = tool("memorization", copies, *given, "--json=copies.json")
    record = json.loads(Path("copies.json").read_text())
    assert record["verdict"] == "copies"
    assert "verdict: copies: it copies training images" in out
    for finding in record["findings"]:
        assert finding["copied"] > 0.75  # 200 of the 240 training images take part
        assert finding["copied_interval"][0] > 0.5
        assert (
            finding["median_distance"]["of_samples"] < finding["median_distance"]["of_held_out"] / 4
        )
    with Image.open("nearest-copies.png") as sheet:
        pixels = np.asarray(sheet).astype(int)[2 * images.LINE :]
    sample, train, real_one, nearest = (
        pixels[4:100, 4 + 100 * i : 100 + 100 * i] for i in range(4)
    )
    assert np.abs(sample - train).mean() < 6 < 30 < np.abs(real_one - nearest).mean()

    Path("nearest-honest.png").write_text("mine")
    out = tool("memorization", honest, *given, "--json=honest.json")
    record = json.loads(Path("honest.json").read_text())
    assert record["verdict"] == "no evidence"
    assert "verdict: no evidence" in out
    assert all(f["among_all"]["samples"][0] == 0 for f in record["findings"])
    low, high = record["findings"][0]["closer_interval"]
    assert low < 0.5 < high

    assert "verdict: copies" in tool("memorization", mixed, *given)
    assert Path("nearest-honest.png").read_text() == "mine"
    assert Path("nearest-honest-2.png").is_file()


def test_exchanged_held_out_and_training_images_give_a_note(tool, real, tmp_path):
    copies = save_npz(tmp_path / "copies.npz", np.load(real)["images"][:80] // 8 * 8)
    unseen = save_npz(tmp_path / "unseen.npz", mosaics(200, 5))
    out = tool("memorization", copies, f"--data_dir={unseen}", f"--held_out_dir={real}", QUICK)
    assert "check that the two were not exchanged" in out
    assert "verdict: no evidence" in out


def test_copies_are_found_with_few_held_out_images(tool, tmp_path):
    """Few samples are copies of the 20 training images compared; all training images show it."""
    train = mosaics(900, 13)
    held_out = save_npz(tmp_path / "held_out.npz", mosaics(20, 14))
    given = (
        f"--data_dir={save_npz(tmp_path / 'train.npz', train)}",
        f"--held_out_dir={held_out}",
        QUICK,
    )
    out = tool(
        "memorization",
        save_npz(tmp_path / "copies.npz", train[400:440] // 8 * 8),
        *given,
        "--json=x.json",
    )
    record = json.loads(Path("x.json").read_text())
    assert "there are only 20 held-out images" in out
    assert record["verdict"] == "copies"
    assert record["findings"][0]["among_all"]["samples"][0] == 1
    assert record["findings"][0]["verdict"] == "no evidence"
    assert "verdict: no evidence" in tool(
        "memorization", save_npz(tmp_path / "honest.npz", mosaics(40, 15)), *given
    )


def test_held_out_images_that_repeat_training_images_give_a_hint():
    from gan_zoo.analysis.memorization import _hint_of_repeats

    assert list(_hint_of_repeats([])) == list(_hint_of_repeats([0.0, 0.009])) == []
    (hint,) = _hint_of_repeats([0.0, 0.0156])
    assert "1.6 % of the held-out images are nearly the same as a training image" in hint
    assert "gan_zoo audit --near=0.95" in hint


def test_fewer_than_20_held_out_images_are_said_first_to_be_too_few(tool, tmp_path):
    out = tool(
        "memorization",
        save_npz(tmp_path / "samples.npz", mosaics(40, 15)),
        f"--data_dir={save_npz(tmp_path / 'train.npz', mosaics(200, 13))}",
        f"--held_out_dir={save_npz(tmp_path / 'held_out.npz', mosaics(19, 14))}",
        QUICK,
    )
    assert out.startswith("19 held-out images are too few to tell: 'no evidence' means little")


def test_memorization_of_a_run_uses_its_holdout_and_writes_into_its_folder(tool, trained):
    out = tool("memorization", trained, "--n=40", "--pairs=3")
    assert "against 24 of 72 training images 16x16x3 of files" in out
    assert "and 24 held-out ones (--holdout=0.25)" in out
    assert "there are only 24 held-out images" in out
    assert (trained / "nearest-step4.png").is_file()
    assert not list(Path().glob("*.png"))
    tool("memorization", trained, "--n=40", "--step=2", "--out=own.png")
    assert Path("own.png").is_file()


def test_d_ranks_training_images_against_those_of_holdout(tool, trained, real, monkeypatch):
    from gan_zoo.game import build, sampling

    asked = []
    monkeypatch.setattr(
        sampling,
        "disc_logits",
        lambda game, images, labels=None: asked.append(images) or images.mean((1, 2, 3)),
    )
    out = tool("memorization", trained, "--n=40", "--json=x.json", "--out=x.png")
    assert "D ranks a training image above a held-out one in " in out
    config = Run(trained).config
    data = build.load_data(config)
    train, kept = build.split_rows(config, len(data.images))
    rows = [{image.tobytes() for image in data.images[some]} for some in (train, kept)]
    shown = [{image.tobytes() for image in images} for images in asked]
    assert shown[0] < rows[0] and shown[1] == rows[1] and len(asked[2]) == 40
    record = json.loads(Path("x.json").read_text())["disc"]
    assert set(record) == {"train_over_held_out", "held_out_over_samples"}
    # Images from elsewhere may differ as such, which D may see.
    assert "D ranks" not in tool(
        "memorization", trained, "--n=40", f"--held_out_dir={real}", "--json=y.json"
    )
    assert json.loads(Path("y.json").read_text())["disc"] is None


def test_held_out_images_may_come_from_another_data_set_or_size(tool, trained, faces, tmp_path):
    out = tool(
        "memorization",
        trained,
        "--n=20",
        "--held_out=cartoon_faces(count=150)",
        "--out=x.png",
        code=2,
    )
    assert "28 to 128" in out
    larger = save_npz(tmp_path / "larger.npz", mosaics(120, 8, size=20))
    out = tool("memorization", trained, "--n=20", f"--held_out_dir={larger}", "--out=x.png")
    assert "were resized to 16x16" in out
    out = tool("memorization", trained, "--n=20", "--held_out=files", f"--held_out_dir={larger}")
    assert "120 held-out ones (files)" not in out  # no more than there are training images
    assert "against 72 of 72 training images" in out


def test_held_out_images_that_were_trained_on_give_a_note(tool, real, tmp_path):
    images = np.load(real)["images"]
    mixed = save_npz(tmp_path / "mixed.npz", np.concatenate([images[:30], mosaics(90, 9)]))
    honest = save_npz(tmp_path / "honest.npz", mosaics(50, 6))
    out = tool("memorization", honest, f"--data_dir={real}", f"--held_out_dir={mixed}", QUICK)
    assert "30 of 120 held-out images are training images, too" in out
    said = tool(
        "memorization", honest, f"--data_dir={real}", f"--held_out_dir={real}", QUICK, code=2
    )
    assert "all 240 held-out images" in said


def test_a_data_set_that_has_other_images_is_named():
    def advice(data):
        return other_images(Config(data=data))

    assert (
        advice("fashion_mnist(fit='pad')")
        == " or --held_out=\"fashion_mnist(fit='pad', split='test')\""
    )
    assert (
        advice("mnist(split='all')")
        == advice("mnist('test')")
        == advice("cartoon_faces(500, 1)")
        == ""
    )
    assert advice("cartoon_faces(count=500)") == ' or --held_out="cartoon_faces(count=500, seed=1)"'
    assert advice("files") == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["{real}", "--data_dir={real}"], "no images are known to be kept from training"),
        (["{all}"], "{all} was trained on all of its images"),
        (["{all}"], "--held_out_dir=FOLDER"),
        (["{real}", "--data_dir={real}", "--held_out_dir=nowhere"], "check --held_out_dir"),
        (
            ["{real}", "--data_dir={real}", "--held_out=mnis"],
            "--held_out: there is no data set 'mnis'; did you mean mnist",
        ),
        (
            ["{real}", "--data_dir={real}", "--held_out_dir={real}", "--out=x.jpg"],
            "must end in .png",
        ),
        (["{trained}", "--image_size=20"], "the flags name others"),
        (
            ["{trained}", "--data_dir={real}"],
            "the data are not those that {trained} was trained on",
        ),
        (["{trained}", "--pairs=0"], "pairs"),
    ],
)
def test_memorization_refuses_in_a_sentence(tool, real, trained, tmp_path, words, says):
    all_of = tmp_path / "all"
    all_of.mkdir()
    record = json.loads((trained / "config.json").read_text())
    record["config"]["holdout"] = 0.0
    (all_of / "config.json").write_text(json.dumps(record))
    names = {"real": real, "trained": trained, "all": all_of}
    said = tool("memorization", *(w.format(**names) for w in words), code=2)
    assert says.format(**names) in said


# audit


@pytest.fixture
def messy(tmp_path):
    """60 pictures of their own, and what goes wrong with folders."""
    folder = save_folder(tmp_path / "messy", mosaics(60, 10, size=64), "{:02d}.png")
    pictures = [Image.open(folder / f"{i:02d}.png") for i in range(8)]
    pictures[0].save(folder / "again0.bmp")  # the same pixels in another format
    turned = pictures[1].transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "again1.png", exif=exif)  # ... and on its side, with a mark that says so
    pictures[2].save(folder / "near2.jpg", quality=60)
    pictures[3].resize((48, 48), Image.Resampling.LANCZOS).save(folder / "near3.png")
    Image.fromarray(np.clip(np.asarray(pictures[4]).astype(int) + 4, 0, 255).astype(np.uint8)).save(
        folder / "near4.png"
    )
    buffer = io.BytesIO()
    pictures[5].save(buffer, "JPEG")
    (folder / "half.jpg").write_bytes(buffer.getvalue()[:700])
    (folder / "empty.png").write_bytes(b"")
    (folder / "note.png").write_bytes(b"this is no picture")
    (folder / "readme.txt").write_text("no candidate")
    (folder / ".hidden.png").write_bytes(b"")
    Image.effect_noise((80, 40), 60).save(folder / "gray.png")
    see_through = Image.effect_noise((64, 64), 90).convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize((64, 64)))
    see_through.save(folder / "alpha.png")
    return folder


def test_audit_finds_what_was_planted(tool, messy):
    out = tool("audit", messy, "--image_size=64", "--json=x.json")
    record = json.loads(Path("x.json").read_text())
    assert (record["candidates"], record["readable"]) == (70, 67)
    assert record["other_files"] == {".txt": 1, ".png in hidden files or folders": 1}
    assert {b["file"]: b["reason"] for b in record["broken"]}.keys() == {
        "half.jpg",
        "empty.png",
        "note.png",
    }
    assert "empty.png (empty)" in out
    assert "note.png (no image)" in out
    assert sorted(map(sorted, record["exact_groups"])) == [
        ["00.png", "again0.bmp"],
        ["01.png", "again1.png"],
    ]
    assert sorted(map(sorted, record["near_groups"])) == [
        ["02.png", "near2.jpg"],
        ["03.png", "near3.png"],
        ["04.png", "near4.png"],
    ]
    assert (record["exact_duplicates"], record["near_duplicates"]) == (2, 3)
    assert record["sizes"] == {"64x64": 65, "48x48": 1, "80x40": 1}
    assert record["aspects"] == {"square": 66, "2 and more": 1}
    assert record["formats"] == {"PNG": 65, "BMP": 1, "JPEG": 1}
    assert record["colors"] == {"color": 65, "gray": 1, "gray in color channels": 1}
    assert record["transparent"] == 1
    assert "exact duplicates: 2 (3.0 %) repeat an earlier image at its own size" in out
    assert "of a correlation of 0.995 or more (--near=0.95 finds more" in out
    assert (
        "- drop_duplicates=True, as in --data='files(drop_duplicates=True)', drops 3.0 % of the images at 64x64."
        in out
    )
    assert "- 2 gray images among color ones" in out
    with Image.open("audit-messy.png") as sheet:
        assert sheet.width > 500


@pytest.mark.parametrize("flags", [(), ("--channels=1",)])
def test_audit_gives_the_hash_and_the_duplicates_that_training_sees(tool, messy, tmp_path, flags):
    def data(**arguments):
        return build_dataset(
            Spec("files", (), arguments),
            (24, 24),
            1 if flags else None,
            messy,
            tmp_path / "cache",
        )

    tool("audit", messy, "--image_size=24", "--json=x.json", "--nosheet", *flags)
    record = json.loads(Path("x.json").read_text())
    assert record["hash"] == data().hash
    assert record["shape"] == list(data().image_shape)
    assert (
        len(data().images) - len(data(drop_duplicates=True).images)
        == record["dropped_by_drop_duplicates"]
        == 2
    )


def twelve_bits(folder):
    """Folders of classes, of 12 bits, one picture of which is broken."""
    for kind, count in (("cat", 13), ("dog", 1)):
        (folder / kind).mkdir(parents=True)
        for i in range(count):
            pixels = mosaics(1, i, channels=1)[0, ..., 0].astype(np.uint16) * 16
            Image.fromarray(pixels).save(folder / kind / f"{i}.png")
    (folder / "cat" / "x.png").write_bytes(b"")
    (folder / "IMG_1.CR2").write_bytes(b"")


def archives_and_films(folder):
    folder.mkdir()
    for name in ("a", "b"):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for i in range(4):
                buffer = io.BytesIO()
                Image.fromarray(mosaics(1, 1)[0]).save(buffer, "GIF", save_all=True)
                archive.writestr(f"{i}.gif", buffer.getvalue())
    (folder / "x.mov").write_bytes(b"")


def broken_exif(folder):
    folder.mkdir()
    for i in range(4):
        Image.fromarray(mosaics(1, i)[0]).save(folder / f"{i}.jpg", exif=b"Exif\0\0MM\0*\xff")


def numbers(folder):
    np.save(folder, mosaics(9, 1).astype(np.uint16) * 16)
    return folder.with_suffix(".npy")


@pytest.mark.parametrize("make", [twelve_bits, archives_and_films, broken_exif, numbers])
def test_audit_says_what_a_run_says(tool, tmp_path, make):
    path = make(tmp_path / "set") or tmp_path / "set"
    tool("audit", path, "--image_size=16", "--json=x.json", "--nosheet")
    record = json.loads(Path("x.json").read_text())
    data = build_dataset("files", (16, 16), None, path, tmp_path / "cache")
    failures = [note for note in data.notes if "cannot be used and are left out" in note]
    assert len(failures) == bool(record["broken"])
    assert record["notes"] == [note for note in data.notes if note not in failures]
    assert record["notes"] or make is broken_exif
    assert record["hash"] == data.hash


def test_audit_finds_the_files_once(tool, messy, monkeypatch):
    calls = []
    monkeypatch.setattr(
        sources,
        "find_pictures",
        lambda *args: calls.append(1) or picture_files.find_pictures(*args),
    )
    assert "2 other files are ignored" in tool("audit", messy, "--nosheet")
    assert calls == [1]


def test_audit_decodes_a_large_picture_in_small(tool, tmp_path, monkeypatch):
    folder = tmp_path / "large"
    folder.mkdir()
    image = Image.fromarray(mosaics(1, 1, size=32)[0]).resize((640, 640))
    image.save(folder / "a.jpg", quality=95)
    image.save(folder / "b.jpg", quality=95, comment="again")
    monkeypatch.setattr(pixels, "_SHRUNK", 100_000)
    decoded, load = [], ImageFile.ImageFile.load

    def counting(image):
        decoded.append(image.size)
        return load(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", counting)
    tool("audit", folder, "--image_size=16", "--json=x.json", "--nosheet")
    record = json.loads(Path("x.json").read_text())
    assert max(decoded) <= (160, 160) and record["sizes"] == {"640x640": 2}
    assert record["exact_duplicates"] == 1
    assert record["hash"] == build_dataset("files", (16, 16), None, folder, tmp_path / "c").hash


def test_audit_of_gray_arrays_of_classes_and_of_data_sets(tool, tmp_path):
    images = mosaics(40, 11, channels=1)
    np.savez(
        tmp_path / "gray.npz",
        images=np.concatenate([images, images[:10]])[..., 0],
        labels=np.arange(50) % 3,
    )
    out = tool("audit", "gray.npz", "--image_size=16", "--json=x.json")
    record = json.loads(Path("x.json").read_text())
    data = build_dataset("files", (16, 16), None, tmp_path / "gray.npz", tmp_path / "cache")
    assert (record["hash"], record["shape"]) == (data.hash, [16, 16, 1])
    assert record["classes"] == {"class": {"0": 17, "1": 17, "2": 16}}
    assert "drops 20.0 % of the images" in out
    assert "formats" not in out
    out = tool("audit", "--data=cartoon_faces(count=40)", "--json=y.json")
    record = json.loads(Path("y.json").read_text())
    assert record["readable"] == 40
    assert len(record["classes"]) > 10
    assert Path("audit-cartoon_faces.png").is_file()
    out = tool(
        "audit",
        "--data=files(fit='pad')",
        f"--data_dir={tmp_path / 'gray.npz'}",
        "--image_size=16",
        "--nosheet",
    )
    assert out.startswith(f"{tmp_path / 'gray.npz'}: 50 images")


def test_audit_overwrites_nothing(tool, tmp_path):
    folder = save_folder(tmp_path / "pictures", mosaics(4, 12))
    tool("audit", folder)
    tool("audit", folder)
    tool("audit", folder, "--out=sheets/mine.png")
    tool("audit", folder, "--out=sheets/mine.png", code=2)
    assert sorted(p.name for p in tmp_path.rglob("*.png") if p.parent != folder) == [
        "audit-pictures-2.png",
        "audit-pictures.png",
        "mine.png",
    ]


def test_the_sorted_search_finds_all_near_duplicates():
    rng = np.random.default_rng(0)
    thumbs = rng.normal(size=(1400, 256)) + 3 * rng.normal(size=(1400, 1)) * np.linspace(-1, 1, 256)
    thumbs[700:] = thumbs[rng.integers(0, 700, 700)] + rng.uniform(0, 0.3, (700, 1)) * rng.normal(
        size=(700, 256)
    )
    thumbs[::100] = 7  # flat
    thumbs = 128 + 20 * thumbs
    colors = rng.choice([50.0, 100.0], (1400, 3))
    found = near_duplicates(thumbs, colors, np.arange(1400), 0.98)
    with np.errstate(invalid="ignore"):
        alike = np.corrcoef(thumbs) >= 0.98
    flat = thumbs.std(axis=1) < 0.5
    alike |= flat[:, None] & flat
    alike &= (np.abs(colors[:, None] - colors).max(axis=2) <= 8) | np.eye(1400, dtype=bool)
    np.fill_diagonal(alike, True)
    np.testing.assert_array_equal(found, alike.argmax(axis=1))
    assert 50 < (found != np.arange(1400)).sum() < 700


def test_audit_does_not_need_tensorflow(light_command, real):
    done = light_command("audit", real, "--nosheet")
    assert done.returncode == 0, done.stderr
    assert "240 images" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "one folder, archive or array is needed, or --data=NAME instead, but 0 were given"),
        (["{real}", "--data=mnist"], "but 2 were given"),
        (["nowhere"], "there is no nowhere"),
        (["--data=files"], "needs to know where the images are"),
        (["--data=mnis"], "did you mean mnist"),
        (["{empty}"], "there are no images in {empty}; put files in it"),
        (["{broken}"], "none of the 1 images in {broken} can be read: a.png (no image)"),
        (["{text}"], "holds no images that can be read; give a folder, a .zip, .tar, .npz"),
        (["{real}", "--image_size=1"], "--image_size=1 is not a size"),
        (["{real}", "--channels=2"], "--channels=2 is not possible"),
        (["{real}", "--near=2"], "near"),
        (["{real}", "--out=x.jpg"], "must end in .png"),
        (["--data_dir={real}", "--data=files(fit='squash')"], "fit='squash' is unknown"),
    ],
)
def test_audit_refuses_in_a_sentence(tool, real, tmp_path, words, says):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no pictures")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")
    names = {
        "real": real,
        "empty": tmp_path / "empty",
        "text": tmp_path / "text.txt",
        "broken": tmp_path / "broken",
    }
    said = tool("audit", *(w.format(**names) for w in words), code=2)
    assert says.format(**names) in said
    assert not list(tmp_path.glob("*.png"))


def test_help_imports_neither_tensorflow_nor_scipy_nor_matplotlib():
    block = (
        "import sys; sys.modules.update(dict.fromkeys("
        "('tensorflow', 'keras', 'tensorflow_gan', 'scipy', 'matplotlib', 'PIL'))); "
        "from gan_zoo import commands; "
        "names = ('evaluate', 'memorization', 'recognize', 'modes', 'audit', 'preview'); "
        "sys.exit(max(commands.main([name, '--help']) for name in names))"
    )
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_analyses_can_be_called_without_a_command_line(trained):
    from gan_zoo.analysis.evaluate import evaluate_subject
    from gan_zoo.analysis.memorization import find_memorization
    from gan_zoo.analysis.subject import find_subject

    before = lines(trained)
    subject = find_subject(trained)
    evaluation = evaluate_subject(subject, n=30)
    expected = {r["metric"]: r["value"] for r in before if r["final"]}
    found = {r.stamp.metric: r.value for r in evaluation.results}
    assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-6)
    assert len(found) >= 8
    assert lines(trained) == before  # only the command writes
    memorization = find_memorization(subject, n=40, step=2)
    assert (memorization.fakes.step, memorization.train, memorization.compared) == (2, 72, 24)
    assert memorization.verdict in ("copies", "suspicious", "no evidence")


def test_help_says_what_the_tools_do(tool):
    assert "RUN|PICTURES" in tool("evaluate", "--help")
    assert "--held_out" in tool("memorization", "--help")
    assert "near duplicate" in tool("audit", "--help")
