"""The gallery of the docs: a page from folders of runs."""

import json

import numpy as np

from gan_zoo import images
from gan_zoo.runs.run import Run


def run_folder(folder):
    """A run as training leaves it, as far as the page reads it."""
    record = {
        "config": {"data_dir": "/secret/place/birds.zip", "data": "files"},
        "data": {"hash": "", "count": 1234, "shape": [8, 8, 3]},
        "machine": {"cores": 2},
        "command": ["/x/gan_zoo", "train", "--config=demo", "--data_dir=/secret/place/birds.zip",
                    "--workdir=/elsewhere/one"],
    }  # fmt: skip
    (folder / "samples").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(record))
    metrics = [
        {"step": 10, "images": 40, "speed/images_per_second": 1.0},
        {"step": 300, "images": 1200, "speed/images_per_second": 2.0, "eval/FD-embedded": 12.5},
    ]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, metrics)))
    for step in (10, 300):
        grid = np.full((18, 18, 3), step % 256, np.uint8)
        images.save_png(folder / "samples" / f"{step:08d}.png", images.enlarge(grid))
    return folder


def test_a_page_says_what_each_run_is(tool, tmp_path):
    folder = run_folder(tmp_path / "one")
    (folder / "memorization.txt").write_text("a note\nverdict: copies: it copies.\n")
    tool("gallery", folder, "--out=page.md")
    page = (tmp_path / "page.md").read_text()
    assert "![Samples of one at step 300](images/gallery/one.jpg)" in page
    assert "| data | 1,234 pictures of `birds.zip`, 8x8 |" in page
    assert "| score | FD-embedded 12.5 at step 300 |" in page
    assert "| time | 300 steps in 10 minutes on 2 cores |" in page
    assert "| copy test | copies: it copies. |" in page
    assert "`gan_zoo train --config=demo --data_dir=birds.zip --workdir=runs/one`" in page
    assert "secret" not in page and "elsewhere" not in page
    shown = images.read(tmp_path / "images" / "gallery" / "one.jpg")
    assert shown.shape[0] >= 512 and abs(int(shown.mean()) - 300 % 256) <= 1
    assert Run(folder).step == 300


def test_a_page_without_pictures_or_with_too_many_bytes_is_refused(tool, tmp_path):
    folder = run_folder(tmp_path / "one")
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    images.save_png(folder / "samples" / "00000300.png", noise)
    assert "more than 1,000,000" in tool("gallery", folder, "--out=page.md", code=2)
    for path in (folder / "samples").iterdir():
        path.unlink()
    assert "no grid that can be read" in tool("gallery", folder, "--out=page.md", code=2)
    assert not (tmp_path / "page.md").exists() and not (tmp_path / "images").exists()
