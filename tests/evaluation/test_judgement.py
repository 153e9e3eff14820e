"""What scores say in words. The rows are scores of runs that were looked at."""

import pytest

from gan_zoo.evaluation import advice
from gan_zoo.evaluation.judgement import better, judge, score_lines
from gan_zoo.evaluation.protocol import Result, Stamp

REAL = {"FD": 0.96, "precision": 0.78, "recall": 0.77, "density": 1.03, "coverage": 0.97}
FLOORS = {f"{kind}-embedded": value for kind, value in REAL.items()}


def stamp(metric, extractor="embedded", n_real=2000):
    name = f"{metric}-{extractor}" if extractor else metric
    code = "51b9" * 16 if extractor else ""
    resize = "none, lanczos 64" if extractor else "none"
    return Stamp(name, extractor, code, resize, n_real, 2000, "train", True, "d", 0, {}, "faces")


def results(warning="", **values):
    pixels = {k: v for k, v in values.items() if k.startswith("spectrum")}
    found = [
        Result(v, None, stamp(k, n_real=10_000 if k == "FD" else 2000))
        for k, v in values.items()
        if k not in pixels
    ]
    found[0] = found[0]._replace(warning=warning)
    return found + [
        Result(v, None, stamp(k.replace("_", "-"), "", 10_000)) for k, v in pixels.items()
    ]


GOOD = {"precision": 0.77, "recall": 0.75, "density": 1.0, "coverage": 0.97, "diversity": 1.0}


@pytest.mark.parametrize(
    ("values", "said", "not_said"),
    [
        ({"FD": 1.2, **GOOD}, ["1.2 times the floor", "nearly the same"], ["Try", "Recall"]),
        ({"FD": 2.5, **GOOD}, ["close to real pictures"], ["Try"]),
        (
            {"FD": 4.5, **GOOD, "recall": 0.38},
            ["4.7 times the floor", "with faults", "Recall is half that of real", "missing. Try"],
            ["Precision"],
        ),
        (
            {"FD": 27.1, **GOOD, "precision": 0.61, "recall": 0.02},
            ["28 times", "rough likeness", "Recall is nearly 0"],
            [],
        ),
        (  # noise within the neighborhood of a few odd pictures
            {"FD": 294, "precision": 0.96, "recall": 0.0, "density": 0.2, "coverage": 0.001,
             "diversity": 0.17},
            ["not yet like real pictures. Try more steps, or a recipe"],
            ["Precision is", "Recall", "Diversity"],
        ),
        (
            {"FD": 271, "precision": 0.0, "recall": 0.0, "density": 0.0, "coverage": 0.0},
            ["not yet like real pictures. Try more steps, or a recipe"],
            ["nearly the same", "Recall"],
        ),
        (
            {"FD": 4.5, **GOOD, "spectrum_checkerboard": 12.0},
            ["checkerboard", "up=\"nearest\""],
            ["Recall"],
        ),
        ({"precision": 0.5}, ["Precision is 64 % that of real"], ["floor"]),
    ],
)  # fmt: skip
def test_sentences(values, said, not_said):
    text = str(judge(results(**values), FLOORS))
    assert all(words in text for words in said), text
    assert not any(words in text for words in not_said), text


@pytest.mark.parametrize(
    ("fake", "real", "floor", "said"),
    [
        (2000, 361, 180, " (180 against 180; of samples: 2,000 against 361; rough, as 361 real"),
        (200, 2000, 200, "; of samples: 200 against 2,000; rough, as 200 samples are few): "),
        (40, 40, 40, "of real pictures (rough, as 40 of each are few): "),
    ],
)
def test_the_number_that_is_too_small_is_told(fake, real, floor, said):
    (found,) = results(warning="only 40 images", FD=4.5)
    found = found._replace(stamp=found.stamp._replace(n_fake=fake, n_real=real))
    assert said in judge([found], FLOORS, floor_count=floor).verdict


def test_without_a_floor_less_is_said():
    text = judge(results(FD=4.5), {}).verdict
    assert text == "FD-embedded is 4.5; what real pictures score is not known."
    assert str(judge([], {})) == ""


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([(10, 9.0), (20, 6.0), (30, 4.5)], "still got better at the end, step 30"),
        ([(10, 2.0), (20, 3.0), (30, 4.5)], "At step 10 it was 2: take that checkpoint"),
        ([(10, 4.6), (20, 4.4), (30, 4.5)], "Try more steps, --tricks"),
        ([(30, 4.5)], "Try more steps, --tricks"),
    ],
)
def test_the_course_of_the_scores_comes_before_other_advice(scores, said):
    values = {"FD": 4.5, **GOOD, "recall": 0.38}
    assert said in judge(results(**values), FLOORS, scores).advice


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([(30, 4.5)], "This was step 30 of 40: the rest of the training may change it."),
        ([(10, 9.0), (30, 4.5)], "This was step 30 of 40"),
        ([(10, 2.0), (30, 4.5)], "At step 10 it was 2: take that checkpoint"),
        ([(30, 9.0), (40, 4.5)], "still got better at the end, step 40"),
    ],
)
def test_before_the_last_step_nothing_is_advised_but_to_go_on(scores, said):
    values = {"FD": 4.5, **GOOD, "recall": 0.38}
    assert said in judge(results(**values), FLOORS, scores, {"steps": 40}).advice


@pytest.mark.parametrize(
    ("change", "marked"),
    [
        ({}, []),
        ({"coverage": 0.002, "precision": 0.8, "density": 0.17}, ["precision", "density"]),
        ({"coverage": 0.002, "precision": 0.8, "density": 0.0}, ["precision"]),
        ({"coverage": 0.0, "precision": 0.0, "density": 0.0, "recall": 0.0}, []),
        ({"coverage": 0.5, "precision": 0.01, "density": 0.0, "recall": 0.9}, ["recall"]),
        ({"coverage": 0.1, "precision": 0.8}, []),
        ({"coverage": 0.06, "precision": 1.0, "recall": 0.0, "diversity": 0.2}, []),
    ],
)
def test_numbers_that_mean_nothing_are_marked(change, marked):
    found = judge(results(FD=9.0, **(GOOD | change)), FLOORS).marks
    assert set(found) == {f"{kind}-embedded" for kind in marked}
    lines = score_lines(results(FD=9.0, **(GOOD | change)), FLOORS)
    stars = [line.split()[0] for line in lines if " (*)" in line]
    assert stars == [f"{k}-embedded" for k in GOOD if f"{k}-embedded" in found]


def test_of_few_pictures_a_few_near_samples_are_as_many_as_noise_reaches():
    def of(real, **values):
        found = results(FD=27.0, **(GOOD | {"coverage": 0.06, "precision": 1.0} | values))
        few = [r._replace(stamp=r.stamp._replace(n_real=real)) for r in found]
        return judge(few, FLOORS)

    assert set(of(100).marks) == {"precision-embedded", "density-embedded"}
    assert not of(2000).marks
    collapsed = of(100, recall=0.0, diversity=0.2)
    assert "resemble one another" in collapsed.marks["precision-embedded"]
    assert collapsed.findings[0].startswith("Diversity is 0.20")


def test_what_the_run_does_is_not_advised():
    values = {"FD": 4.5, **GOOD, "recall": 0.38}
    said = judge(
        results(**values),
        FLOORS,
        settings={"tricks": "diff_augment('color'),r1(every=16)", "batch": 64},
    ).advice
    assert said == "Try more steps or a larger --batch than 64."
    said = judge(results(**values), FLOORS, settings={"tricks": "ada"}).advice
    assert said.startswith("Try more steps, a larger --batch, or a gradient penalty such as")
    said = judge(results(FD=4.5, diversity=0.3), FLOORS, settings={"tricks": "diff_augment"}).advice
    assert said == "Try more steps; if that does not help, a lower learning rate for D."


def test_below_the_floor_is_no_farther_than_real_pictures():
    said = judge(results(FD=0.5), FLOORS).verdict
    assert "is below the floor" in said and "no farther than real pictures are" in said


@pytest.mark.parametrize(
    ("fake", "real", "floor_count", "said"),
    [
        (2000, 10_000, 2000, " (2,000 against 2,000; of samples: 2,000 against 10,000): like"),
        (2000, 10_000, 0, " (equal numbers; of samples: 2,000 against 10,000): like"),
        (2000, 2000, 1000, " (1,000 against 1,000; of samples: 2,000 against 2,000): like"),
        (2000, 2000, 2000, "real pictures: like"),
        (2000, 2000, 0, "real pictures: like"),
    ],
)
def test_a_floor_of_other_numbers_of_images_says_so(fake, real, floor_count, said):
    (of,) = results(FD=4.5)
    of = of._replace(stamp=of.stamp._replace(n_fake=fake, n_real=real))
    assert said in judge([of], FLOORS, floor_count=floor_count).verdict


def test_the_table_has_four_columns_and_the_stamp_once():
    values = {"FD": 4.5, **GOOD, "spectrum_high": -1.0}
    lines = score_lines(results(warning="few.", **values), FLOORS)
    assert lines[0].split() == ["metric", "score", "real", "against", "real", "better", "is"]
    assert lines[1].split() == ["FD-embedded", "4.5", "0.96", "lower"]
    assert lines[-3].split() == ["spectrum-high", "-1", "-", "near", "0"]
    assert lines[-2] == "few."
    assert lines[-1] == (
        "stamp (how scores were made): FD-embedded@51b9 (2k fake/10k real train of faces@d, none,"
        " lanczos 64, EMA);"
        " precision, recall, density, coverage, diversity: 2k fake/2k real; spectrum-high: of pixels"
    )
    assert max(map(len, lines[:-1])) < 80


def test_where_a_metric_is_better():
    assert better(stamp("FD")._replace(metric="FID", extractor="inception")) == "lower"
    assert better(stamp("SWD-paper-64px", "")) == "lower"
    assert better(stamp("CS-10-parts", "other")) == "higher"
    assert better(stamp("new", "")) == ""


def test_the_high_floor_of_few_pictures_makes_noise_no_likeness():
    # 300 pictures: after 75 steps of blocks of noise, 8 times the floor.
    found = judge(results(warning="only 300 images", FD=206), {"FD-embedded": 25.4})
    assert "8.1 times" in found.verdict and "far from real pictures" in found.verdict
    near = judge(results(FD=27.0), {"FD-embedded": 25.4})
    assert "nearly the same as real" in near.verdict
    assert found.unlike and not near.unlike


def test_of_pictures_that_no_run_made_nothing_is_advised():
    values = {"FD": 4.5, **GOOD, "recall": 0.38}
    found = judge(results(**values), FLOORS, of_a_run=False)
    assert found.advice == "" and "Recall" in found.findings[0]


def test_a_rate_is_named_as_a_shell_takes_it():
    given = {"disc_opt": "adam(1e-4, schedule='linear')"}
    assert "--disc_opt=\"adam(1e-4, schedule='linear')\"" in advice.lower_rate(given, "disc")
