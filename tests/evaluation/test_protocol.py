import json

import pytest

from gan_zoo.contracts import FeatureExtractor
from gan_zoo.evaluation.protocol import (
    Result,
    Stamp,
    comparable,
    named,
    small_sample_warning,
    versions,
)

STAMP = Stamp(
    "FD-embedded",
    "embedded",
    "1a2b3c",
    "lanczos",
    10_000,
    5000,
    "train",
    None,
    "d" * 64,
    0,
    versions(),
)
OTHER = {
    "metric": "KD-embedded",
    "extractor": "random_conv",
    "extractor_hash": "9f",
    "resize": "bilinear",
    "n_real": 5000,
    "n_fake": 4999,
    "split": "held-out",
    "ema": True,
    "data_hash": "e" * 64,
    "seed": 1,
}


def test_the_short_stamp():
    assert STAMP.short() == "FD-embedded@1a2b (5k fake/10k real train@dddd, lanczos)"
    assert (
        STAMP._replace(ema=True, n_fake=1234, data="faces").short()
        == "FD-embedded@1a2b (1234 fake/10k real train of faces@dddd, lanczos, EMA)"
    )
    assert (
        STAMP._replace(metric="SWD-32px", extractor="", n_real=2500).short()
        == "SWD-32px (5k fake/2.5k real train@dddd, lanczos)"
    )
    assert Result(12.345678, 0.123, STAMP).short() == STAMP.short() + ": 12.35 +- 0.12"


@pytest.mark.parametrize("field", OTHER)
def test_numbers_of_two_protocols_are_not_comparable(field):
    other = STAMP._replace(**{field: OTHER[field]})
    reason = comparable(STAMP, other)
    expected = (
        "the data"
        if field == "data_hash"
        else f"{field} ({getattr(STAMP, field)} and {OTHER[field]})"
    )
    assert reason == f"they differ in {expected}"
    assert comparable(STAMP, other, subject=(field,)) == ""
    assert set(OTHER) == set(Stamp._fields) - {"versions", "data"}


def test_all_that_differs_is_named():
    other = STAMP._replace(resize="area", data_hash="other", seed=5)
    assert (
        comparable(STAMP, other, subject=("seed",))
        == "they differ in resize (lanczos and area), the data"
    )


def test_other_versions_are_comparable_and_recorded():
    assert comparable(STAMP, STAMP._replace(versions={})) == ""
    assert comparable(STAMP, STAMP._replace(data="a name")) == ""
    assert set(versions()) == {"gan_zoo", "tensorflow", "tfgan", "numpy", "pillow"}
    assert comparable(STAMP, STAMP.by("another program")) == ""


def test_only_tfgans_inception_gives_an_unqualified_name():
    def of(name):
        return FeatureExtractor(name, "", "", lambda x: x)

    assert [named(m, of("inception")) for m in ("FD", "KD", "MD", "CS", "recall")] == [
        "FID",
        "KID",
        "MIND",
        "IS",
        "recall-inception",
    ]
    assert [named(m, of("embedded")) for m in ("FD", "KD", "CS")] == [
        "FD-embedded",
        "KD-embedded",
        "CS-embedded",
    ]
    assert named("FD", of("keras_inception")) == "FD-keras_inception"


def test_json_holds_everything_and_comes_back():
    result = Result(1.5, None, STAMP, "a warning")
    record = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert set(record) == {*Stamp._fields, "value", "error", "warning"}
    assert Result.from_dict(record) == result
    del record["data"]  # as earlier runs have it
    assert Result.from_dict(record) == result


def test_small_samples_are_said():
    assert small_sample_warning(640, 64) == ""
    assert "only 639 images for 64 features" in small_sample_warning(639, 64)
