import hashlib
import itertools
import subprocess
import sys

import numpy as np
import PIL
import pytest
from PIL import Image

from gan_zoo.datasets import cartoon
from gan_zoo.errors import UserError
from gan_zoo.registry import datasets


def build(cache_dir, spec="cartoon_faces(40)", image_size=(28, 28), channels=None):
    return datasets.build(spec, image_size=image_size, channels=channels, cache_dir=cache_dir)


def face(columns, i, **changes):
    return {**{name: column[i].item() for name, column in columns.items()}, **changes}


def pixels(*args, **kwargs):
    return np.asarray(cartoon.draw(*args, **kwargs)).astype(int)


def distance(a, b):
    """The largest difference of two pictures in any pixel and channel."""
    return np.abs(a.astype(int) - b).max()


@pytest.fixture
def no_drawing(monkeypatch):
    def refuse(*_):
        raise AssertionError("a face was drawn that should have come from the cache")

    monkeypatch.setattr(cartoon, "_draw", refuse)


# --- Attributes ---


def test_face_depends_on_seed_and_index_alone():
    few, many, other = (
        cartoon.sample_attributes(n, seed) for n, seed in ((7, 3), (3000, 3), (7, 4))
    )
    assert list(few) == [*cartoon.ATTRIBUTES, *cartoon.TRAITS]
    for name in few:
        np.testing.assert_array_equal(few[name], many[name][:7])
    assert any((few[name] != other[name]).any() for name in cartoon.ATTRIBUTES)


def test_classes_have_their_shares_and_no_attribute_tells_of_another():
    columns = cartoon.sample_attributes(20_000, 0)
    one_hot = {}
    for name, shares in cartoon.ATTRIBUTES.items():
        assert sum(shares.values()) == pytest.approx(1) and min(shares.values()) >= 0.05
        assert columns[name].dtype == np.int32
        one_hot[name] = np.eye(len(shares))[columns[name]]
        np.testing.assert_allclose(one_hot[name].mean(0), list(shares.values()), atol=0.012)
    for a, b in itertools.combinations(one_hot, 2):
        joint = one_hot[a].T @ one_hot[b] / 20_000
        np.testing.assert_allclose(
            joint, np.outer(one_hot[a].mean(0), one_hot[b].mean(0)), atol=0.012, err_msg=f"{a}, {b}"
        )


def test_traits_fill_their_range():
    columns = cartoon.sample_attributes(20_000, 0)
    for name in cartoon.TRAITS:
        trait = columns[name]
        assert trait.dtype == np.float32
        assert -1 <= trait.min() < -0.99 and 0.99 < trait.max() <= 1 and abs(trait.mean()) < 0.02


def test_attributes_and_pictures_are_those_of_this_version():
    # If this fails, what is drawn has changed: raise VERSION, or old caches go on being used, and
    # write the new hashes here.
    columns = cartoon.sample_attributes(500, 0)
    assert cartoon.VERSION == 1
    classes = hashlib.sha256(
        np.stack([columns[name] for name in cartoon.ATTRIBUTES]).tobytes()
    ).hexdigest()[:12]
    assert classes == "967b260dd1ac"
    if (
        PIL.__version__ == "13.0.0"
    ):  # another release may draw an edge otherwise; it has caches of its own
        faces = hashlib.sha256(
            b"".join(cartoon.draw(face(columns, i), 64).tobytes() for i in range(50))
        ).hexdigest()[:12]
        assert faces == "92e69a5e5a20"


# --- Pictures ---


@pytest.mark.parametrize("attribute", cartoon.ATTRIBUTES)
def test_every_class_looks_different_from_every_other_on_every_face(attribute):
    columns = cartoon.sample_attributes(12, 1)
    for i in range(12):
        # Behind sunglasses the eyes are faint, but not gone.
        least = 5 if attribute.startswith("eye_") and columns["glasses"][i] == 3 else 15
        pictures = {
            k: pixels(face(columns, i, **{attribute: k}), 64) for k in cartoon.ATTRIBUTES[attribute]
        }
        for a, b in itertools.combinations(pictures, 2):
            assert distance(pictures[a], pictures[b]) >= least, f"face {i}: {a} looks like {b}"


@pytest.mark.parametrize("trait", cartoon.TRAITS)
def test_every_trait_changes_the_picture(trait):
    assert distance(pixels({trait: -1}, 64), pixels({trait: 1}, 64)) > 10


def has(picture, color):
    """The share of pixels close to a color."""
    return (np.abs(picture - np.array(color)).max(-1) < 12).mean()


@pytest.mark.parametrize(
    ("attribute", "palette", "look"),
    [
        ("background", cartoon._BACKGROUND, {}),
        ("skin", cartoon._SKIN, {"hair_style": "bald"}),
        ("hair_color", cartoon._HAIR, {"hair_style": "spiky"}),
        ("eye_color", cartoon._EYES, {}),
        ("clothes", cartoon._CLOTHES, {}),
    ],
)
def test_colors_are_those_that_the_labels_name(attribute, palette, look):
    shown = {
        name: [has(pixels({**look, attribute: name}), color) for color in palette.values()]
        for name in palette
    }
    assert list(palette) == list(cartoon.ATTRIBUTES[attribute])
    for k, own in enumerate(
        palette
    ):  # a face of this class has more of its color than has a face of any other class
        assert all(shown[own][k] > shown[other][k] + 0.002 for other in palette if other != own), (
            own
        )


def test_hair_styles_cover_what_their_names_say():
    blue = cartoon._HAIR["blue"]
    share = {
        style: has(pixels({"hair_style": style, "hair_color": "blue"}), blue)
        for style in cartoon.ATTRIBUTES["hair_style"]
    }
    assert share["bald"] == share["buzz"] == 0 < share["short"] < share["bob"]
    lower = {
        style: has(pixels({"hair_style": style, "hair_color": "blue"})[96:], blue)
        for style in ("short", "long")
    }
    assert lower["short"] == 0 < lower["long"]


def test_things_show_their_colors_where_they_are_worn():
    bare = pixels({"hair_style": "bald"})
    assert 3 * has(bare[55:80], cartoon._LENS) < has(
        pixels({"hair_style": "bald", "glasses": "sun"})[55:80], cartoon._LENS
    )
    assert (
        has(bare, cartoon._GOLD)
        == 0
        < has(pixels({"hair_style": "bald", "earrings": "studs"}), cartoon._GOLD)
    )
    red = cartoon._CLOTHES["red"]
    assert (
        has(bare[:40], red)
        == 0
        < has(pixels({"hair_style": "bald", "headwear": "beanie", "clothes": "red"})[:40], red)
    )
    mouths = {
        mouth: has(pixels({"mouth": mouth})[88:105], cartoon._WHITE)
        for mouth in cartoon.ATTRIBUTES["mouth"]
    }
    assert [mouth for mouth, teeth in mouths.items() if teeth > 0] == ["grin"]


def test_classes_may_be_given_by_name_or_number():
    assert cartoon.draw({"mouth": "sad", "roll": 0.5}) == cartoon.draw(
        {"mouth": 4, "roll": np.float32(0.5)}
    )
    assert cartoon.draw({}) == cartoon.draw(
        dict.fromkeys([*cartoon.ATTRIBUTES, *cartoon.TRAITS], 0)
    )


def test_same_face_at_every_size():
    columns = cartoon.sample_attributes(20, 0)
    large = np.stack(
        [np.asarray(cartoon.draw(face(columns, i), 112).reduce(4)) for i in range(20)]
    ).astype(int)
    small = np.stack([pixels(face(columns, i), 28) for i in range(20)])
    away = np.abs(small[:, None] - large[None]).mean((2, 3, 4))
    assert np.diag(away).max() < 6  # edges only
    assert (away + 100 * np.eye(20)).min() > 12  # any other face


@pytest.mark.parametrize("size", [(28, 28), (128, 128), (64, 32), (32, 64), (29, 128), (128, 31)])
def test_face_is_centered_on_any_canvas(size):
    height, width = size
    image = cartoon.draw({"mouth": "grin"}, size)
    assert image.size == (width, height)
    side = min(size)
    if (height - side) % 2 == (width - side) % 2 == 0:
        top, left = (height - side) // 2, (width - side) // 2
        assert image.crop((left, top, left + side, top + side)) == cartoon.draw(
            {"mouth": "grin"}, side
        )
    picture = np.asarray(image).astype(int)
    assert distance(picture[0, 0], np.array(cartoon._BACKGROUND["sky"])) < 3
    assert (
        distance(picture[-1, width // 2], np.array(cartoon._CLOTHES["red"])) < 30
    )  # the body goes down to the edge


def test_gray_is_the_luma_of_the_colors():
    columns = cartoon.sample_attributes(3, 0)
    for i in range(3):
        assert cartoon.draw(face(columns, i), 40, channels=1) == cartoon.draw(
            face(columns, i), 40
        ).convert("L")


# --- The data set ---


def test_labels_belong_to_the_pictures(tmp_path):
    data = build(tmp_path, "cartoon_faces(300, seed=5)", (36, 30))  # more than one block of drawing
    columns = cartoon.sample_attributes(300, 5)
    assert data.name == "cartoon_faces" and data.resize == "drawn" and data.notes == ()
    assert (
        data.image_shape == (36, 30, 3)
        and data.images.dtype == np.uint8
        and len(data.images) == 300
    )
    assert data.label_values == {name: tuple(shares) for name, shares in cartoon.ATTRIBUTES.items()}
    for i in (0, 255, 256, 299):
        names = {name: data.label_values[name][column[i]] for name, column in data.labels.items()}
        drawn = cartoon.draw({**face(columns, i), **names}, (36, 30))
        np.testing.assert_array_equal(data.images[i], np.asarray(drawn))


def test_fewer_faces_are_the_first_of_more(tmp_path):
    few, more = build(tmp_path, "cartoon_faces(3)"), build(tmp_path, "cartoon_faces(8)")
    np.testing.assert_array_equal(few.images, more.images[:3])
    assert few.hash != more.hash


def test_gray_data_set_has_one_channel(tmp_path):
    gray = build(tmp_path, channels=1)
    color = build(tmp_path, channels=3)
    assert gray.image_shape == (28, 28, 1) and color.image_shape == (28, 28, 3)
    np.testing.assert_array_equal(
        gray.images[0, ..., 0], np.asarray(Image.fromarray(color.images[0]).convert("L"))
    )


def test_second_load_is_the_same_without_drawing(tmp_path, request):
    fresh = build(tmp_path)
    request.getfixturevalue("no_drawing")
    cached = build(tmp_path)
    np.testing.assert_array_equal(cached.images, fresh.images)
    assert cached.hash == fresh.hash and len(cached.hash) == 64
    assert all((cached.labels[name] == fresh.labels[name]).all() for name in cartoon.ATTRIBUTES)


@pytest.mark.parametrize(
    "change",
    [
        {"spec": "cartoon_faces(39)"},
        {"spec": "cartoon_faces(40, 1)"},
        {"image_size": (28, 29)},
        {"image_size": (29, 28)},
        {"channels": 1},
    ],
    ids=str,
)
def test_other_data_is_never_taken_from_the_cache(tmp_path, change):
    build(tmp_path)
    beside, alone = build(tmp_path, **change), build(tmp_path / "empty", **change)
    assert beside.hash == alone.hash
    assert beside.images.shape == alone.images.shape


@pytest.mark.parametrize(("module", "name"), [(cartoon, "VERSION"), (PIL, "__version__")])
def test_new_versions_draw_anew(tmp_path, monkeypatch, module, name):
    build(tmp_path)
    real, drawn = cartoon._draw, []
    monkeypatch.setattr(cartoon, "_draw", lambda *args: drawn.append(1) or real(*args))
    monkeypatch.setattr(module, name, 99)
    build(tmp_path)
    assert len(drawn) == 40


def flip_a_pixel(content):
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


@pytest.mark.parametrize(
    "damage", [flip_a_pixel, lambda c: c[:-100], lambda c: b"", lambda c: b"?" + c[1:]]
)
def test_damaged_cache_is_drawn_anew_and_mended(tmp_path, damage, request):
    fresh = build(tmp_path)
    (file,) = tmp_path.rglob("*.npy")
    file.write_bytes(damage(file.read_bytes()))
    mended = build(tmp_path)
    np.testing.assert_array_equal(mended.images, fresh.images)
    assert mended.hash == fresh.hash
    request.getfixturevalue("no_drawing")
    np.testing.assert_array_equal(build(tmp_path).images, fresh.images)


def test_without_a_writable_cache_a_note_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    data = build(tmp_path / "file" / "cache")
    assert data.hash == build(tmp_path).hash
    assert (
        len(data.notes) == 1
        and "cannot be written" in data.notes[0]
        and str(tmp_path / "file") in data.notes[0]
    )


def test_drawing_that_is_cut_short_leaves_no_cache(tmp_path, monkeypatch):
    real, drawn = cartoon._draw, []

    def interrupted(*args):
        if len(drawn) == 300:
            raise KeyboardInterrupt
        drawn.append(1)
        return real(*args)

    monkeypatch.setattr(cartoon, "_draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, "cartoon_faces(400)")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# --- What a user may get wrong ---


@pytest.mark.parametrize(
    ("spec", "image_size", "channels", "message"),
    [
        ("cartoon_faces(0)", (28, 28), 3, "count=0 must be a whole number, 1 or more"),
        ("cartoon_faces(2e4)", (28, 28), 3, "count=20000.0 must be a whole number, 1 or more"),
        ("cartoon_faces(True)", (28, 28), 3, "count=True has the wrong type"),
        ("cartoon_faces('many')", (28, 28), 3, "count='many' has the wrong type"),
        ("cartoon_faces(seed=-1)", (28, 28), 3, "seed=-1 must be a whole number, 0 or more"),
        ("cartoon_faces", (27, 28), 3, "28 to 128 pixels a side, not at 27x28"),
        ("cartoon_faces", (28, 129), None, "28 to 128 pixels a side, not at 28x129"),
        ("cartoon_faces", (28, 28), 4, "1 or 3 channels, not 4"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(tmp_path, spec, image_size, channels, message):
    with pytest.raises(UserError, match=message):
        build(tmp_path, spec, image_size, channels)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({"nose_ring": 1},), "no 'nose_ring'; it has background, skin"),
        (({"mouth": "smirk"},), "'mouth' has no class 'smirk'; it has smile, grin"),
        (({"mouth": 6},), "'mouth' has no class 6"),
        (({"mouth": -1},), "'mouth' has no class -1"),
        (({}, 64.5), "not at 64.5x64.5"),
        (({}, 64, 2), "1 or 3 channels, not 2"),
    ],
)
def test_draw_names_what_it_does_not_know(arguments, message):
    with pytest.raises(ValueError, match=message):
        cartoon.draw(*arguments)


def test_a_script_without_a_main_guard_draws_without_tensorflow(tmp_path):
    # Worker processes that import the caller's script would run it again and again; TensorFlow
    # would cost seconds.
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, pathlib\n"
        "print('started')\n"
        "from gan_zoo.datasets.cartoon import cartoon_faces\n"
        f"cartoon_faces(600, image_size=(28, 28), channels=None, cache_dir=pathlib.Path({str(tmp_path)!r}))\n"
        "print('tensorflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["started", "False"], done.stderr
    assert done.stderr == ""  # no progress bar where no one looks
