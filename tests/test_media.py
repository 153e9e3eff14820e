"""Films, walks between noises, exports and what --out may be; and HParams."""

import importlib
import importlib.util
import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from gan_zoo import files, images
from gan_zoo.errors import UserError
from gan_zoo.export.formats import FORMATS
from gan_zoo.media import gif, interpolate


@pytest.fixture(scope="module")
def trained(tmp_path_factory, train_for_all):
    folder = tmp_path_factory.mktemp("trained") / "run"
    return train_for_all(folder, "--ema=0.5", "--holdout=0.25", "--steps=4", idle=True)


@pytest.fixture(scope="module")
def flat(tmp_path_factory, train_for_all):
    """A run with uniform noise of the shape of an image, in bfloat16."""
    return train_for_all(
        tmp_path_factory.mktemp("flat") / "run",
        "--gen=conv_noise28(width=2, hidden=4)",
        "--image_size=28",
        "--noise=uniform",
        "--steps=2",
        "--precision=bfloat16",
        idle=True,
    )


# interpolate


def test_slerp_turns_and_grows_evenly_and_meets_its_ends():
    slerp = interpolate.slerp
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4, 2)).astype(np.float32)
    b *= 3
    assert np.array_equal(slerp(a, b, 0), a)
    assert np.array_equal(slerp(a, b, 1), b)
    angle = np.arccos((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))
    for t in (0.1, 0.5, 0.75):
        z = slerp(a, b, t)
        assert (z.shape, z.dtype) == (a.shape, a.dtype)
        assert np.linalg.norm(z) == pytest.approx(
            (1 - t) * np.linalg.norm(a) + t * np.linalg.norm(b), rel=1e-5
        )
        assert np.arccos((a * z).sum() / np.linalg.norm(a) / np.linalg.norm(z)) == pytest.approx(
            t * angle, rel=1e-4
        )
        # In the plane of both, so on no detour.
        rest = z.ravel() - np.linalg.lstsq(
            np.stack([a.ravel(), b.ravel()], 1), z.ravel(), rcond=None
        )[0] @ [
            a.ravel(),
            b.ravel(),
        ]
        assert np.abs(rest).max() < 1e-5
    x, y = np.eye(2)
    np.testing.assert_allclose(
        slerp(x, y, 1 / 3), [np.cos(np.pi / 6), np.sin(np.pi / 6)], atol=1e-12
    )


def test_slerp_where_there_is_no_turn_is_straight():
    slerp, a = interpolate.slerp, np.array([1.0, 2.0])
    np.testing.assert_allclose(slerp(a, 3 * a, 0.25), 1.5 * a)
    np.testing.assert_allclose(slerp(a, -a, 0.25), 0.5 * a)
    np.testing.assert_allclose(slerp(0 * a, a, 0.25), 0.25 * a)


def test_a_walk_meets_its_corners_and_closes():
    corners = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    closed = interpolate.walk(corners, 4, interpolate.slerp, loop=True)
    assert closed.shape == (12, 5)
    np.testing.assert_array_equal(closed[::4], corners)
    np.testing.assert_allclose(interpolate.slerp(corners[2], corners[0], 0.75), closed[-1])
    there = interpolate.walk(corners, 4, interpolate.linear, loop=False)
    np.testing.assert_array_equal(there[::4], corners)
    np.testing.assert_allclose(there[5], 0.75 * corners[1] + 0.25 * corners[2], rtol=1e-6)
    assert len(there) == 9


def cells(path, rows, columns, side=16):
    sheet = iio.imread(path)
    assert sheet.shape[:2] == (rows * (side + 2) + 2, columns * (side + 2) + 2)
    return np.array(
        [
            [
                sheet[2 + r * (side + 2) :, 2 + c * (side + 2) :][:side, :side]
                for c in range(columns)
            ]
            for r in range(rows)
        ]
    )


def test_corners_are_the_images_that_sample_draws(tool, trained):
    tool("sample", trained, "--n=6", "--seed=3", "--out=a.npz")
    drawn = np.load("a.npz")["images"]
    out = tool(
        "interpolate",
        trained,
        "--n=3",
        "--seed=3",
        "--steps=2",
        "--walks=2",
        "--size=0",
        "--out=w.png",
    )
    assert "6 rows from corner to corner (slerp, normal noise)" in out
    assert "step 4" in out
    rows = cells("w.png", 6, 3)
    for walk, k in np.ndindex(2, 3):
        np.testing.assert_array_equal(rows[3 * walk + k, 0], drawn[3 * walk + k])
        np.testing.assert_array_equal(rows[3 * walk + k, 2], drawn[3 * walk + (k + 1) % 3])
        assert (rows[3 * walk + k, 1] != drawn[3 * walk + k]).any()
    tool(
        "interpolate",
        trained,
        "--from_seeds=3,8",
        "--steps=1",
        "--noloop",
        "--size=0",
        "--noema",
        "--step=2",
        "--out=v.png",
    )
    row = cells("v.png", 1, 2)[0]
    for seed, image in zip((3, 8), row, strict=True):
        tool(
            "sample", trained, "--n=1", f"--seed={seed}", "--noema", "--step=2", f"--out={seed}.npz"
        )
        np.testing.assert_array_equal(image, np.load(f"{seed}.npz")["images"][0])


def test_a_film_of_uniform_noise_is_straight_and_gets_a_free_name(tool, flat):
    for name in ("walk.gif", "walk-2.gif"):
        out = tool("interpolate", flat, "--n=2", "--steps=3", "--size=32", "--walks=3")
        assert f"{name}: 6 frames between 2 corners (linear, uniform noise)" in out
        with Image.open(flat / name) as film:
            assert (film.n_frames, film.info["loop"], film.size) == (6, 0, (62, 62))
            film.seek(5)
            assert film.info["duration"] == 60  # the last stays no longer than others


def test_a_film_for_other_programs(tool, trained, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "imageio_ffmpeg" else find(name)
    )
    assert "pip install imageio-ffmpeg" in tool("interpolate", trained, "--out=a.mp4", code=2)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("imageio_ffmpeg")
    tool(
        "interpolate",
        trained,
        "--n=2",
        "--steps=4",
        "--size=0",
        "--walks=2",
        "--fps=8",
        "--out=a.mp4",
    )
    assert iio.immeta("a.mp4", plugin="FFMPEG")["fps"] == 8
    assert iio.imread("a.mp4", plugin="FFMPEG").shape == (8, 20, 38, 3)
    interpolate.save_mp4(Path("b.mp4"), [np.zeros((19, 31, 1), np.uint8)] * 3, 5)
    assert iio.imread("b.mp4", plugin="FFMPEG").shape == (3, 20, 32, 3)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give the folder of one run"),
        (["{run}", "--from_seeds=1"], "--from_seeds=1 is not a list of seeds"),
        (["{run}", "--from_seeds=1,-2"], "--from_seeds=1,-2 is not a list of seeds"),
        (["{run}", "--from_seeds=1,2", "--n=3"], "leave out one of the two"),
        (["{run}", "--best", "--step=2"], "name two checkpoints"),
        (["{run}", "--best"], "there is no best checkpoint"),
        (["{run}", "--step=3"], "there is no checkpoint of step 3"),
        (["{run}", "--fps=nan"], "--fps=nan is not possible"),
        (["{run}", "--out=w.jpg"], "must end in .gif or .mp4 or .png"),
        (["{run}", "--out={run}/config.json"], "must end in"),
        (["{run}", "--out=mine.png"], "mine.png exists already and is left as it is"),
        (["."], "holds no run"),
    ],
)
def test_interpolate_refuses_in_a_sentence(tool, trained, words, says):
    Path("mine.png").write_text("mine")
    assert says in tool("interpolate", *(w.format(run=trained) for w in words), code=2)
    assert [p.name for p in Path().iterdir()] == ["mine.png"]
    assert Path("mine.png").read_text() == "mine"


# the library behind the commands


def test_the_library_returns_records_of_what_it_wrote(trained, tmp_path):
    from gan_zoo.media.samples import sample_run

    drawn = sample_run(trained, tmp_path / "a.npz", n=3, seed=5)
    assert drawn[:4] == (tmp_path / "a.npz", 3, 4, "")
    single = sample_run(trained, tmp_path / "single", n=3, seed=5)
    for k, path in enumerate(sorted(single.path.iterdir())):
        np.testing.assert_array_equal(iio.imread(path), np.load(drawn.path)["images"][k])
    film = gif.animate_run(trained, tmp_path / "a.gif", every=2)
    with Image.open(film.path) as found:
        assert (film.frames, film.names) == (found.n_frames, ())
    walk = interpolate.interpolate_run(trained, tmp_path / "w.png", n=2, steps=2, loop=False)
    assert walk[1:] == (1, 2, "slerp", "normal", "z", "", 4)


def test_sample_refuses_two_checkpoints(tool, trained):
    assert "name two checkpoints" in tool("sample", trained, "--best", "--step=2", code=2)


# gif of several runs


def fake_run(folder, grids, batch=8):
    (folder / "samples").mkdir(parents=True)
    record = {"config": {"batch": batch}, "data": {"hash": "", "count": 1, "shape": [8, 8, 3]}}
    (folder / "config.json").write_text(json.dumps(record))
    for step, (shape, level) in grids.items():
        images.save_png(folder / "samples" / f"{step:08d}.png", np.full(shape, level, np.uint8))
    return folder


def levels(path, film_widths, head):
    """Of each frame, the gray level in the middle of each film's column, just below the titles."""
    starts = np.cumsum([0, *(w + 8 for w in film_widths[:-1])])
    frames = iio.imread(path, index=None)
    return [
        [int(f[head + 5, x + w // 2, 0]) for x, w in zip(starts, film_widths, strict=True)]
        for f in frames
    ]


def test_films_side_by_side_are_matched_by_step_or_by_images(tool, tmp_path):
    small = (20, 30, 1)
    a = fake_run(tmp_path / "a", {0: (small, 0), 10: (small, 10), 20: (small, 20)}, batch=8)
    # Of another size than the last, and so left out: a's step 5. Larger grids, other steps, and
    # twice the batch: b.
    images.save_png(a / "samples" / "00000005.png", np.full((9, 9, 1), 200, np.uint8))
    b = fake_run(tmp_path / "b", {5: ((60, 40, 3), 105), 15: ((60, 40, 3), 115)}, batch=16)
    (b / "samples" / "00000016.png").write_bytes(b"damaged")
    out = tool("gif", a, b, "--out=both.gif", "--size=0")
    assert out.startswith("both.gif: 5 frames of a, b,")
    head = gif.TITLE_HEIGHT
    widths = (90, 40)  # a's grids are enlarged to the height of b's: 3 times
    assert iio.imread("both.gif", index=0).shape == (head + 60, 90 + 8 + 40, 3)
    assert levels("both.gif", widths, head) == [[0, 255], [0, 105], [10, 105], [10, 115], [20, 115]]
    tool(
        "gif", a, b, "--by=images", "--out=images.gif", "--size=0"
    )  # moments 0, 80 (twice), 160, 240
    assert levels("images.gif", widths, head) == [[0, 255], [10, 105], [20, 105], [20, 115]]
    tool("gif", a, b, "--every=3", "--size=120", "--noloop")
    assert levels("side-by-side.gif", (120, 80), head) == [[0, 255], [10, 115], [20, 115]]
    titles = iio.imread("both.gif", index=0)[:head].min(axis=2) < 128
    assert titles[:, :90].any()
    assert titles[:, 98:].any()


def test_runs_of_one_name_get_different_titles():
    names = gif.run_names
    assert names([Path("/x/one/run"), Path("/x/two/run")]) == ["one/run", "two/run"]
    assert names([Path("/x/one/a"), Path("/x/two/b")]) == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a", "a"], "a is given twice"),
        (["a", "nowhere"], "there is no folder nowhere"),
        (["a", "."], "holds no run"),
        (["a", "empty"], "there are no samples that can be read in empty/samples"),
        (["a", "b", "--out=mine.gif"], "mine.gif exists already"),
        (["a", "b", "--out=x.mp4"], "must end in .gif"),
        (["a", "--by=images"], "--by needs several runs"),
    ],
)
def test_gif_of_several_runs_refuses_in_a_sentence(tool, tmp_path, words, says):
    for name in ("a", "b"):
        fake_run(tmp_path / name, {0: ((9, 9, 1), 0)})
    fake_run(tmp_path / "empty", {})
    Path("mine.gif").write_text("mine")
    assert says in tool("gif", *words, code=2)
    assert [p.name for p in Path().glob("*.gif")] == ["mine.gif"]
    assert Path("mine.gif").read_text() == "mine"


# export


def blocks(readme):
    """The Python of a README, by the headings before it."""
    parts = readme.read_text().split("```")
    return {
        parts[i].strip().rpartition("\n")[2]: parts[i + 1].removeprefix("python")
        for i in range(0, len(parts) - 1, 2)
    }


def test_exports_make_the_images_of_the_run(tool, trained, monkeypatch):
    out = tool("export", trained, "--format=savedmodel,keras,tflite", "--step=2", "--out=deep/x")
    assert out.count("differs from G by at most") == 3
    folder = Path("deep/x")
    assert sorted(p.name for p in folder.iterdir()) == sorted(
        ["README.md", "generator.keras", "generator.tflite", "model.json", "savedmodel"]
    )
    record = json.loads((folder / "model.json").read_text())
    config = json.loads((trained / "config.json").read_text())
    assert (record["step"], record["ema"], record["commit"]) == (2, True, config["commit"])
    assert record["trained_on"]["hash"] == config["data"]["hash"]
    assert (record["trained_on"]["count"], record["trained_on"]["held_out"]) == (72, 24)
    assert record["input"]["shape"] == [None, 100]
    assert record["input"]["noise"]["arguments"] == {"stddev": 1.0}
    assert record["output"]["shape"] == [None, 16, 16, 3]
    assert all(form["differs_by"] < 1e-5 for form in record["formats"].values())
    # As the README says, from the noise of the run: the images that gan_zoo sample draws of that
    # step.
    from gan_zoo.game import sampling
    from gan_zoo.runs.run import Run

    game, _ = Run(trained).restore(2)
    tool("sample", trained, "--n=5", "--seed=2", "--step=2", "--out=a.npz")
    drawn = np.load("a.npz")["images"]
    uses = blocks(folder / "README.md")
    monkeypatch.chdir(folder)
    scope = {}
    exec(uses["The noise:"], scope)
    assert (scope["z"].shape, scope["z"].dtype) == ((16, 100), np.float32)
    for name in ("`savedmodel`:", "`generator.keras`:"):
        scope = {"z": sampling.sample_noise(game, 5, 2)}
        exec(uses[name], scope)
        assert np.abs(images.to_uint8(scope["images"]).astype(int) - drawn).max() <= 1


def test_a_bfloat16_run_is_exported_in_float32_and_nothing_is_overwritten(tool, flat):
    tool("export", flat, "--format=tflite")
    before = (flat / "export-2" / "generator.tflite").read_bytes()
    out = tool("export", flat, "--format=keras")
    assert "export-2-2/generator.keras" in out
    assert (flat / "export-2" / "generator.tflite").read_bytes() == before
    record = json.loads((flat / "export-2" / "model.json").read_text())
    assert record["input"]["shape"] == [None, 28, 28, 3]
    assert record["input"]["noise"]["arguments"] == {"low": -1.0, "high": 1.0}
    assert "uniform(-1.0, 1.0, (n, 28, 28, 3))" in (flat / "export-2" / "README.md").read_text()


def test_onnx_makes_the_images_of_the_run(tool, flat):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    tool("export", flat, "--format=onnx", "--out=x")
    assert json.loads(Path("x/model.json").read_text())["formats"]["onnx"]["differs_by"] < 1e-5


def test_a_format_that_fails_leaves_nothing(tool, flat, monkeypatch):
    form = FORMATS["keras"]
    wrong = form._replace(run=lambda path, z: form.run(path, z) + 2e-4)
    monkeypatch.setitem(FORMATS, "keras", wrong)
    said = tool("export", flat, "--format=keras", "--out=x", code=2)
    assert (
        "the keras file makes other images than G: they differ by 0.0002, and at most 0.0001 is"
        in said
    )

    def broken(net, path):
        raise NotImplementedError("no such operation")

    monkeypatch.setitem(FORMATS, "keras", form)
    monkeypatch.setitem(FORMATS, "tflite", FORMATS["tflite"]._replace(write=broken))
    said = tool("export", flat, "--format=keras,tflite", "--out=x", code=2)
    assert "cannot be written as tflite (NotImplementedError: no such operation)" in said
    assert "without tflite it works: --format=keras." in said
    assert not list(Path().iterdir())


@pytest.mark.parametrize("verbose", [False, True])
def test_the_messages_of_a_failed_conversion_are_hidden(tmp_path, capfd, verbose):
    import keras

    from gan_zoo.export.write import write_formats

    noise = keras.Input((8,))
    x = keras.layers.Reshape((4, 4, 1))(keras.layers.Dense(16)(noise))
    net = keras.Model(noise, keras.layers.UpSampling2D(interpolation="bicubic")(x))
    z = np.ones((2, 8), np.float32)
    drawn = np.asarray(net(z))
    capfd.readouterr()
    with pytest.raises(UserError) as caught:
        write_formats(["tflite", "keras"], net, tmp_path, z, drawn, verbose=verbose)
    said = str(caught.value)
    assert "cannot be written as tflite (its converter refuses an operation" in said
    assert "without tflite it works: --format=keras." in said
    assert ("ResizeBicubic" in capfd.readouterr().err) == verbose


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["{run}", "--format=coreml"],
            "'coreml' is unknown; give some of savedmodel, keras, tflite, onnx",
        ),
        (["{run}", "--format=,"], "it is empty"),
        (["{run}", "--format=onnx"], "--format=onnx needs tf2onnx: pip install tf2onnx"),
        (["{run}", "--out=mine"], "--out=mine exists already and is left as it is"),
        (["{run}", "--best", "--step=2"], "name two checkpoints"),
        (["{run}", "--step=3"], "there is no checkpoint of step 3"),
        (["mine"], "holds no run"),
    ],
)
def test_export_refuses_in_a_sentence(tool, trained, monkeypatch, words, says):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "tf2onnx" else find(name) or "there",
    )
    Path("mine").mkdir()
    Path("mine/x").touch()
    assert says in tool("export", *(w.format(run=trained) for w in words), code=2)
    assert [str(p) for p in Path().rglob("*")] == ["mine", "mine/x"]


# --out of all


def test_a_file_is_written_into_a_folder_made_for_it_and_a_mistake_leaves_none(tool, trained):
    for words in (
        ("sample", trained, "--step=3", "--out=deep/er/a.png"),
        ("interpolate", trained, "--step=3", "--out=deep/er/a.gif"),
        ("preview", "--tricks=flip_images", "--data_dir=nowhere", "--out=deep/er/a.png"),
    ):
        tool(*words, code=2)
        assert not list(Path().iterdir()), words
    tool("sample", trained, "--n=4", "--out=deep/er/a.png")
    assert [str(p) for p in Path().rglob("*.*")] == ["deep/er/a.png"]


def test_a_place_where_nothing_can_be_written_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    wanted = files.file_to_write
    Path("round.png").symlink_to("round.png")
    for place in (
        "file/a.png",
        "/proc/a.png",
        "round.png",
        f"{'long' * 64}.png",
        f"new/{'long' * 64}.png",
    ):
        with pytest.raises(UserError, match=rf"{place} cannot be written \("):
            wanted(place, ".png")
    with pytest.raises(UserError, match=r"must end in \.png, after a name"):
        wanted(".png", ".png")
    with pytest.raises(UserError, match=r"file/new cannot be written \("):
        files.new_folder("file/new")
    Path("dangling").symlink_to("nowhere")
    with pytest.raises(UserError, match="exists already"):
        files.new_folder("dangling")


def test_files_of_a_user_are_never_overwritten_nor_links_to_nothing(
    tool, trained, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("mine.png").write_text("precious")
    Path("link.png").symlink_to("nowhere.png")
    for words in (
        ("sample", trained, "--out=mine.png"),
        ("preview", "--tricks=flip_images", "--data_dir=any", "--out=mine.png"),
        ("memorization", trained, "--out=mine.png"),
        ("audit", trained, "--out=mine.png"),
        ("sample", trained, "--out=link.png"),
    ):
        assert "exists already and is left as it is" in tool(*words, code=2), words
    assert Path("mine.png").read_text() == "precious"
    assert files.file_to_write("mine.png", ".png", again=True) == Path("mine.png")


def test_a_link_leads_to_the_file_that_is_written(tmp_path):
    (tmp_path / "link.png").symlink_to("deep/er/real.png")
    images.save_png(tmp_path / "link.png", np.zeros((4, 5, 3), np.uint8))
    assert (tmp_path / "link.png").is_symlink()
    assert Image.open(tmp_path / "deep" / "er" / "real.png").size == (5, 4)
