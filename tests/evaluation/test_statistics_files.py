"""Statistics of real images in files, of gan_zoo and of other programs."""

import numpy as np
import pytest
import references

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.errors import UserError
from gan_zoo.evaluation.distances import Statistics, frechet
from gan_zoo.evaluation.protocol import Result, Stamp
from gan_zoo.evaluation.statistics_files import read_statistics, write_statistics

STAMP = Stamp("", "net", "ab", "none", 200, 0, "all", None, "99f1" * 16, 0, {}, "faces")
FLOOR = [Result(0.5, None, STAMP._replace(metric="FD-net", n_fake=100))]
NET = FeatureExtractor("net", "ab", "none", lambda images: images)


def test_what_is_written_gives_the_distance_of_the_features(tmp_path):
    real, fake = references.features(200, 12, 0), references.features(150, 12, 1, gain=1.3)
    write_statistics(tmp_path / "s.npz", real, NET, stamp=STAMP, floor=FLOOR)
    found = read_statistics(tmp_path / "s.npz")
    assert found.n == 200 and found.check(NET) == ""
    assert (found.source, found.floor) == ("faces@99f1", ((0.5, 100),))
    assert STAMP._replace(split="", data="", data_hash="")._replace(**found.stamp) == STAMP
    value = frechet(found.statistics, Statistics.of(fake))
    assert value == pytest.approx(references.frechet(real, fake), rel=1e-6)
    with np.load(tmp_path / "s.npz") as z:  # as pytorch-fid reads it
        assert np.allclose(z["mu"], real.mean(0)) and np.allclose(z["sigma"], np.cov(real.T))
    for other in (NET._replace(hash="cd"), NET._replace(resize="bilinear")):
        with pytest.raises(UserError, match=r"s.npz are of net@ab, none, and the extractor is"):
            found.check(other)


@pytest.mark.parametrize("n", [8, 200])
def test_files_of_other_programs_are_read(tmp_path, n):
    """Also in float32, and of fewer images than dimensions."""
    real, fake = references.features(n, 12, 0), references.features(150, 12, 1, gain=1.3)
    np.savez(
        tmp_path / "s.npz",
        mu=real.mean(0).astype(np.float32),
        sigma=np.cov(real.T).astype(np.float32),
    )
    found = read_statistics(tmp_path / "s.npz")
    assert (
        found.n == 0
        and (found.source, found.floor) == ("", ())
        and "does not say which network and resize" in found.check(NET)
    )
    value = frechet(found.statistics, Statistics.of(fake))
    assert value == pytest.approx(references.frechet(real, fake), rel=1e-3)


def test_what_is_no_mean_and_covariance_is_one_sentence(tmp_path):
    mu, sigma = np.zeros(3), np.eye(3)
    path = tmp_path / "s.npz"
    for arrays, words in (
        ({"mu": mu}, "mu or sigma is missing"),
        ({"images": mu}, "mu or sigma is missing"),
        ({"mu": mu, "sigma": np.eye(4)}, r"mu is \[3\] and sigma \[4, 4\]"),
        ({"mu": mu[:, None], "sigma": sigma}, r"mu is \[3, 1\]"),
        ({"mu": mu, "sigma": sigma * np.nan}, "NaN"),
        ({"mu": mu, "sigma": sigma.astype(int)}, "int64"),
        ({"mu": mu, "sigma": -sigma}, "no covariance"),
        ({"mu": mu, "sigma": np.triu(np.ones((3, 3)))}, "no covariance"),
        ({"mu": mu, "sigma": np.array([[None] * 3] * 3)}, "cannot be read"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(UserError, match=words):
            read_statistics(path)
    for content in (b"", b"PK\3\4 no zip", b"text"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"cannot be read .*give an .npz with mu and sigma"):
            read_statistics(path)
    np.save(tmp_path / "one.npy", mu)
    with pytest.raises(UserError, match="one array"):
        read_statistics(tmp_path / "one.npy")
    with pytest.raises(UserError, match="there is no file"):
        read_statistics(tmp_path / "nowhere.npz")
