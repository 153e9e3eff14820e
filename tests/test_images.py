import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from gan_zoo import images


def test_every_pixel_value_survives_the_way_there_and_back():
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    there = images.to_float(every)
    assert (there.min(), there.max(), there.dtype) == (-1.0, 1.0, np.float32)
    np.testing.assert_array_equal(images.to_uint8(there), every)
    np.testing.assert_array_equal(images.to_uint8(np.array([-3.0, 3.0])), [0, 255])


def test_grid_puts_each_image_in_its_place():
    pictures = np.stack([np.full((4, 6, 3), i, np.uint8) for i in range(5)])
    sheet = images.grid(pictures, columns=3, gap=1)
    assert sheet.shape == (1 + 2 * 5, 1 + 3 * 7, 3)
    assert sheet[1, 1, 0] == 0
    assert sheet[1, 15, 0] == 2
    assert sheet[6, 8, 0] == 4
    assert sheet[6, 15, 0] == 255  # the empty place
    assert sheet[0, 0, 0] == 255


@pytest.mark.parametrize("channels", [1, 3])
def test_captions_stand_above_and_left_of_a_picture(channels):
    picture = np.full((40, 90, channels), 7, np.uint8)
    bare = images.captioned(picture)
    np.testing.assert_array_equal(bare[:, :90], np.full((40, 90, 3), 7))
    titled = images.captioned(picture, "a title that is longer than the picture", ("a", "b"))
    assert titled.shape[0] == 2 * images.LINE + 40
    assert titled.shape[1] > 150
    assert (titled[2 * images.LINE :, :90] == 7).all()
    assert (titled[2 * images.LINE :, 90:] == 255).all()
    for line in range(2):
        assert (titled[line * images.LINE : (line + 1) * images.LINE] < 128).any()
    named = images.captioned(picture, rows=("first", "second"))
    left = named.shape[1] - 90
    assert left > 20
    assert (named[:, left:] == 7).all()
    assert (named[:20, :left] < 128).any() and (named[20:, :left] < 128).any()


def test_stacked_pictures_have_white_between_and_beside_them():
    a, b = np.zeros((4, 6, 3), np.uint8), np.zeros((5, 3, 3), np.uint8)
    below = images.stack([a, b], axis=0, gap=2)
    assert below.shape == (11, 6, 3)
    assert (below[:4] == 0).all() and (below[4:6] == 255).all()
    assert (below[6:, :3] == 0).all() and (below[6:, 3:] == 255).all()
    beside = images.stack([a, b], axis=1, gap=2)
    np.testing.assert_array_equal(
        beside, images.stack([a.swapaxes(0, 1), b.swapaxes(0, 1)], 0, 2).swapaxes(0, 1)
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_gif_of_frames_on_disk(tmp_path, channels):
    paths = []
    for i in range(7):
        path = tmp_path / f"{i}.png"
        images.save_png(path, np.full((5, 4, channels), i * 40, np.uint8))
        paths.append(path)
    assert images.gif_of(paths, tmp_path / "a.gif", fps=20, every=3, size=10) == 3  # 0, 3, 6
    frames = iio.imread(tmp_path / "a.gif", index=None)
    assert frames.shape[:3] == (3, 10, 8)
    assert [round(float(f.mean())) for f in frames] == [0, 120, 240]
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.info["loop"] == 0
        assert gif.info["duration"] == 50


def test_gif_takes_the_last_frame_and_at_most_so_many(tmp_path):
    paths = []
    for i in range(10):
        images.save_png(tmp_path / f"{i}.png", np.full((4, 4, 1), i * 25, np.uint8))
        paths.append(tmp_path / f"{i}.png")
    assert images.gif_of(paths, tmp_path / "a.gif", most=4) == 4
    assert iio.imread(tmp_path / "a.gif", index=None)[-1].max() == 225
    with pytest.raises(ValueError):
        images.gif_of([], tmp_path / "b.gif")


def test_a_gif_that_does_not_loop(tmp_path):
    images.save_gif(
        tmp_path / "a.gif",
        [np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)],
        fps=5,
        loop=False,
    )
    with Image.open(tmp_path / "a.gif") as gif:
        assert "loop" not in gif.info


@pytest.mark.parametrize("shape", [(62, 62, 3), (206, 206, 3), (30, 90, 1), (600, 20, 3)])
def test_an_enlarged_grid_is_crisp_and_comes_back(shape):
    grid = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    large = images.enlarge(grid)
    assert max(large.shape) >= 512
    assert set(np.unique(large)) <= set(np.unique(grid))
    np.testing.assert_array_equal(images.reduce(large), grid)
    np.testing.assert_array_equal(images.reduce(grid), grid)
    np.testing.assert_array_equal(images.enlarge(grid, 0), grid)


def test_a_film_takes_grids_of_earlier_runs_and_enlarged_ones(tmp_path):
    grids = [np.random.default_rng(i).integers(0, 256, (20, 30, 3), np.uint8) for i in range(2)]
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    images.save_png(paths[0], grids[0])
    images.save_png(paths[1], images.enlarge(grids[1]))
    for size, shape in ((0, (20, 30)), (512, (360, 540)), (100, (80, 120))):
        assert images.gif_of(paths, tmp_path / "a.gif", size=size) == 2
        assert iio.imread(tmp_path / "a.gif", index=None).shape[1:3] == shape
