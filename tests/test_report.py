"""gan_zoo report as a user meets it: what is in its pages, what they may not do, and what they say of damaged folders."""

import base64
import hashlib
import html
import http.client
import importlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import threading
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_zoo import cli
from gan_zoo.comparison.results import ONE_SEED
from gan_zoo.errors import UserError

ROOT = Path(__file__).parent.parent
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{}%s$x$"
STAMP = {
    "metric": "FD-embedded",
    "extractor": "embedded",
    "extractor_hash": "51b97cada332",
    "resize": "none, lanczos 64",
    "n_real": 5000,
    "n_fake": 2000,
    "split": "train",
    "ema": False,
    "data_hash": "e5d5",
    "seed": 0,
    "versions": {"numpy": "2.0"},
}


@pytest.fixture(scope="module")
def parts():
    """The tool and its parts, imported as they import each other: from their own folder."""
    names = (
        "commands.report",
        "reporting.read",
        "reporting.plots",
        "reporting.curves",
        "reporting.one",
    )
    return {name.rpartition(".")[2]: importlib.import_module(f"gan_zoo.{name}") for name in names}


@pytest.fixture
def report(parts, capsys, tmp_path, monkeypatch):
    """Call the tool in this process, in an empty folder: report(*words) -> what it said."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    tool = parts["report"]

    def call(*words, code=0):
        capsys.readouterr()
        got = cli.call(tool.main, tool.define_flags, tool.__doc__, [str(word) for word in words])
        out, err = capsys.readouterr()
        assert got == code, err
        if code:
            assert err.startswith("gan_zoo: ")
            assert len(err.strip().splitlines()) == 1, err
        return err if code else out

    return call


def write_run(
    folder, scores=(40.0, 10.0, 12.0, 15.0), settings=None, frames=4, extra=None, stamp=None
):
    """A run of 100 steps a score, by hand; recall falls to nothing at the end."""
    (folder / "samples").mkdir(parents=True)
    config = {
        "gen": "dcgan(width=16)",
        "disc": "dcgan(width=8)",
        "loss": "hinge",
        "batch": 8,
        "steps": 400,
        "tricks": "",
    }
    config |= {"data": "celeba(crop='close_v1')", "eval_every": 100, "seed": 7, **(settings or {})}
    data = {"name": "celeba", "hash": "e5d5", "count": 5000, "shape": [32, 32, 3], "resize": "none"}
    record = {
        "config": config,
        "data": data,
        "versions": {"keras": "3.15"},
        "machine": {"cores": 2},
        "commit": "79c14c4abcdef+",
    }
    (folder / "config.json").write_text(json.dumps(record))
    metrics, evaluations = [], []
    for i in range(1, 10 * len(scores) + 1):
        m = {
            "step": 10 * i,
            "images": 80 * i,
            "loss/disc": 1 / i,
            "loss/gen": 0.5 * i,
            "accuracy/disc": 0.7,
        }
        m |= {"grad_norm/disc": 2.0, "grad_norm/gen": 3.0, "logits/real": 1.0, "logits/fake": -1.0}
        m |= {"speed/images_per_second": 160.0, **(extra or {})}
        if i % 10 == 0:
            score = scores[i // 10 - 1]
            m |= {
                "eval/FD-embedded": score,
                "eval/precision-embedded": 0.5,
                "eval/recall-embedded": 0.3 if i < 30 else 0.001,
            }
            for metric, value, floor in (
                ("FD-embedded", score, 0.95),
                ("precision-embedded", 0.5, 0.8),
            ):
                line = {
                    "step": 10 * i,
                    "final": False,
                    **STAMP,
                    "metric": metric,
                    "value": value,
                    "error": 0.2,
                    "warning": "",
                }
                evaluations.append({**line, "floor": floor, **(stamp or {})})
        metrics.append(m)
    evaluations += [{**e, "final": True} for e in evaluations[-2:]]
    for name, lines in (("metrics", metrics), ("evaluations", evaluations)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for i in range(frames):
        Image.fromarray(grid(i)).save(folder / f"samples/{i * 400 // max(1, frames - 1):08d}.png")
    return folder


def grid(seed, size=24):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3)).astype(np.uint8)


def write_comparison(folder, done=True, variants=("a", "b")):
    """Two variants by two seeds; b is 1.5 times as bad. Without done, the last run is not there and b not scored."""
    about = {
        "name": "ab",
        "question": "Is a better than b?",
        "baseline": variants[0],
        "score": "FD-embedded",
        "select": "best",
    }
    about |= {
        "seeds": [0, 1],
        "budget": {"images": 3200},
        "command": "gan_zoo compare x",
        "data": "celeba 32x32x3",
    }
    about["variants"] = {
        name: {
            "settings": {"loss": name},
            "slug": slug,
            "steps": 400,
            "parameters": {"gen": 371075, "disc": 168225},
        }
        for name, slug in zip(variants, "ab", strict=True)
    }
    folder.mkdir(parents=True)
    (folder / "comparison.json").write_text(json.dumps(about))
    runs = []
    for i, (name, slug) in enumerate(zip(variants, "ab", strict=True)):
        for seed in (0, 1):
            state = "done" if done or (slug, seed) != ("b", 1) else "running"
            runs.append(
                {
                    "variant": name,
                    "seed": seed,
                    "folder": f"{slug}-seed{seed}",
                    "state": state,
                    "why": "",
                    "best": 10.0,
                }
            )
            if state == "done":
                write_run(
                    folder / f"{slug}-seed{seed}",
                    [s * (1 + i / 2) for s in (40, 10, 12, 15)],
                    {"loss": "hinge"},
                )
    scored = {
        "done": 2,
        "failed": 0,
        "best": 12.34,
        "last": 15.0,
        "ratio": 1.25,
        "reached": 1,
        "target_images": 1600,
    }
    compared = {
        "variant": variants[1],
        "ratio": 1.5,
        "low": 1.2,
        "high": 1.9,
        "confidence": 0.95,
        "n": 2,
        "verdict": "worse",
    }
    compared |= {
        "sentence": f"{variants[1]} is worse.",
        "detectable": 1.25,
        "bootstrap_low": None,
        "bootstrap_high": None,
    }
    results = {
        "score": "FD-embedded@51b9",
        "floor": 0.95,
        "target": 14.2,
        "complete": done,
        "runs": runs,
    }
    results["variants"] = (
        {variants[1]: {**scored, "best": 9.87}, variants[0]: scored}
        if done
        else {variants[0]: scored}
    )
    results["comparisons"] = [compared] if done else []
    (folder / "results.json").write_text(json.dumps(results))
    return folder


class Page(HTMLParser):
    """What a browser would see of a page: elements with their attributes, texts of the whole and of some elements."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self.within, self.text, self.aside, self.rows = [], [], "", "", []
        self.feed(self.source)
        frames = re.search(r'id="frames">(.*?)</script>', self.source)
        self.frames = json.loads(frames[1])

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("img", "input", "meta", "path", "use", "rect"):
            self.within.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in self.within:
            while self.within.pop() != tag:
                pass

    def handle_data(self, data):
        if {"script", "style"} & set(self.within):
            return
        self.text += data
        if "aside" in self.within:
            self.aside += data
        if {"td", "th"} & set(self.within):
            self.rows[-1][-1] += data

    def row(self, name):
        return next(row for row in self.rows if row[0].strip() == name)

    def of(self, tag):
        return [attrs for t, attrs in self.elements if t == tag]


def check_safe(page):
    """It can load nothing, and run nothing but its own script."""
    assert "http://" not in page.source
    assert "https://" not in page.source
    assert "@import" not in page.source
    for _, attrs in page.elements:
        assert not [name for name in attrs if name.startswith("on")]
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert attrs.get(name, "#").startswith(("data:image/webp;base64,", "#")), attrs[name][
                :80
            ]
    for reference in re.findall(r"url\(([^)]*)\)", page.source):
        assert reference.startswith("#")
    assert [attrs.get("type") for attrs in page.of("script")] == ["application/json", None]
    script = page.source[page.source.rindex("<script>") + 8 : page.source.rindex("</script>")]
    policy = next(
        a["content"] for a in page.of("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    known = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert (
        policy
        == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{known}'"
    )
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', page.source))
    assert used <= set(ids)


def decoded(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.fixture
def undrawn(parts, monkeypatch):
    """Curves take most of the time of a page, and are not what these tests are about."""
    for name in ("chart", "forest"):
        monkeypatch.setattr(parts["plots"], name, lambda *_, **__: "<svg></svg>")


def test_page_of_a_run(report, tmp_path):
    folder = write_run(tmp_path / "mine", frames=41)
    assert str(folder / "report.html") in report(folder)
    page = Page(folder / "report.html")
    check_safe(page)
    assert not page.aside
    assert (
        "dcgan(width=16) against dcgan(width=8), hinge, on celeba(crop='close_v1') 32×32×3, 5,000 images"
        in page.text
    )
    assert (
        "best FD-embedded is 10.00 (real against real: 0.9500), at step 200; the last is 15.00, 1.50 times the best."
        in page.text
    )
    assert "Training time20 s 160 images/s" in page.text  # 3200 images at 160 a second
    assert "Collapse since step 300: recall is 0.001" in page.text
    # One metric's numbers have equally many decimals; the stamp of all stands once.
    assert page.row("FD-embedded\u00a0↓")[1:] == ["15.00± 0.20", "10.00± 0.20", "0.95"]
    stamp = (
        "Stamp (how scores were made): FD-embedded@51b9"
        " (2k fake/5k real train@e5d5, none, lanczos 64, no EMA)."
    )
    assert page.text.count(stamp) == 1
    verdict = "FD-embedded is 16 times the floor, the score of real pictures"
    assert page.text.index(verdict) < page.text.index("Trained for") < page.text.index("Samples")
    assert page.row("loss") == ["loss", "hinge", "non_saturating"]
    assert "with uncommitted changes" in page.text
    assert "gan_zoo memorization" in page.text
    charts = {attrs["aria-label"] for attrs in page.of("svg")}
    assert {
        "Losses",
        "Logits of D",
        "Accuracy of D",
        "Gradient norms",
        "Speed",
        "FD-embedded over steps",
    } <= charts
    assert "Precision, recall, diversity" in charts
    assert "30 of 41 grids are shown" in page.text
    steps = [step for _, step, _ in page.frames["0"]]
    assert (len(steps), steps[0], steps[-1]) == (30, 0, 400)
    assert (decoded(page.frames["0"][-1][2]) == grid(40)).all()
    assert not [a for a in page.of("img") if "data-real" in a]  # it has none
    assert "images of the training data" not in page.text
    assert next(a["src"] for a in page.of("img")) == page.frames["0"][-1][2]


def test_real_images_stand_beside_samples_unless_they_must_not(report, undrawn, tmp_path):
    """Training images can be faces: a page says that it has some, and can be made without."""
    folder = write_run(tmp_path / "mine")
    Image.fromarray(grid(99)).save(folder / "samples/real.png")
    Image.fromarray(grid(98)).save(folder / "nearest-step400.png")
    said = report(folder)
    assert "it holds images of the training data; --noreal leaves them out" in said
    page = Page(folder / "report.html")
    check_safe(page)
    real = [decoded(a["src"]) for a in page.of("img") if "data-real" in a]
    assert (real[0] == grid(99)).all()
    assert (real[1] == grid(98)).all()
    assert "gan_zoo report --noreal leaves them out" in page.text
    assert [step for _, step, _ in page.frames["0"]] == [0, 133, 266, 400]  # it is no sample
    assert "training data" not in report(folder, "--noreal")
    shown = [decoded(a["src"]) for a in Page(folder / "report.html").of("img")]
    assert len(shown) == 1
    assert (shown[0] == grid(3)).all()


def test_the_newest_sheet_of_each_kind_is_shown(report, undrawn, tmp_path):
    folder = write_run(tmp_path / "mine")
    for i, name in enumerate(("directions-2", "directions", "mix", "walk")):
        path = folder / f"{name}.png"
        Image.fromarray(grid(90 + i)).save(path)
        os.utime(path, (1000 - i, 1000 - i))
    report(folder, "--noreal")
    page = Page(folder / "report.html")
    check_safe(page)
    shown = [decoded(a["src"]) for a in page.of("img")]
    assert np.array_equal(shown[1:], [grid(90), grid(92)])
    assert "(directions-2.png)" in page.text
    assert "(directions.png)" not in page.text


def test_real_images_of_several_runs_are_shown_where_their_data_are_the_same(
    report, undrawn, tmp_path
):
    folders = [write_run(tmp_path / name) for name in "ab"]
    Image.fromarray(grid(99)).save(folders[1] / "samples/real.png")
    report(*folders, "--out=same.html")
    assert len([a for a in Page(Path("same.html")).of("img") if "data-real" in a]) == 1
    record = json.loads((folders[1] / "config.json").read_text())
    record["data"]["hash"] = "other"
    (folders[1] / "config.json").write_text(json.dumps(record))
    report(*folders, "--out=other.html")
    assert not [a for a in Page(Path("other.html")).of("img") if "data-real" in a]


def test_a_curve_of_a_trick_says_what_the_trick_does(parts, tmp_path):
    folder = write_run(tmp_path / "mine", extra={"clip_weights/most": 1.0, "theirs/x": 2.0})
    page = str(parts["curves"].training_curves(parts["read"].read_run(folder)))
    assert "most: Clip D&#x27;s weights to [-limit, limit] after each update" in page
    assert "x: logged by the trick" in page


def test_a_title_of_ones_own(report, undrawn, tmp_path):
    folder, other = write_run(tmp_path / "mine"), write_run(tmp_path / "other")
    for words in ([folder], [folder, other], [write_comparison(tmp_path / "ab")]):
        report(*words, f"--title={EVIL}", "--out=page.html")
        page = Page(Path("page.html"))
        check_safe(page)
        assert page.text.count(EVIL) == 2  # on the page, and on the browser's tab


def test_charts_have_the_values_that_are_drawn(parts):
    """The script shows a value where the pointer is: axes and points must be those of the SVG."""
    line = parts["plots"].Line([(0, 1.0), (50, 10.0), (100, 100.0)], name="D")
    weak = parts["plots"].Line([(0, 7.0), (100, 7.0)], weak=True)
    svg = parts["plots"].chart([weak, line], "about", x="steps", scale="log")
    plot = json.loads(html.unescape(re.search(r'data-plot="([^"]*)"', svg)[1]))
    assert [each["name"] for each in plot["lines"]] == ["D"]
    assert plot["lines"][0]["points"] == [[0, 1], [50, 10], [100, 100]]
    assert (plot["unit"], plot["log"]) == ("steps", True)
    left, pixel_left, right, pixel_right = plot["x"]
    bottom, pixel_bottom, top, pixel_top = plot["y"]
    x = pixel_left + (50 - left) / (right - left) * (pixel_right - pixel_left)
    share = np.log(10 / bottom) / np.log(top / bottom)
    y = pixel_bottom + share * (pixel_top - pixel_bottom)
    drawn = re.findall(r"[ML] ([\d.]+) ([\d.]+)", svg)
    assert min(abs(x - float(a)) + abs(y - float(b)) for a, b in drawn) < 0.05


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([0.4333, 0.00125, 0.06], ["0.4333", "0.0013", "0.0600"]),
        ([15.0, 0.95], ["15.00", "0.95"]),
        ([12345.6, 7.0], ["12,346", "7"]),
        ([0.5, 0.0, -0.25], ["0.5000", "0.0000", "−0.2500"]),
        ([0.5, 1e-9], ["0.5000", "1.0e−09"]),  # in full where it would be 0
        ([2e12, float("nan")], ["2.0e+12", "nan"]),
    ],
)
def test_numbers_of_a_column_have_equally_many_decimals(values, shown):
    from gan_zoo.reporting.html import decimals, fixed

    assert [fixed(value, decimals(values)) for value in values] == shown


def ask(server, path="/", host=None):
    """What the server answers: its status and its text."""
    connection = http.client.HTTPConnection(*server.server_address, timeout=30)
    port = server.server_address[1]
    connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_pages_leave_the_machine_to_the_training(undrawn, tmp_path):
    from gan_zoo.reporting import serve

    pages = serve.Pages([write_run(tmp_path / "mine", frames=2)], "", True)
    first = pages.newest()
    Image.fromarray(grid(7)).save(tmp_path / "mine/samples/00000500.png")
    assert pages.newest() is first  # a page took a while, so the next one comes later
    pages._rests_until = 0
    assert pages.newest() is not first


def test_a_served_page_follows_the_run(undrawn, tmp_path, monkeypatch):
    from gan_zoo.reporting import serve

    monkeypatch.setattr(serve, "_SHARE", float("inf"))
    folder = write_run(tmp_path / "mine", frames=2)
    pages = serve.Pages([folder], "", True)
    with serve._server(pages, 0) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        port = server.server_address[1]
        with pytest.raises(UserError, match=f"--port={port} is in use"):
            serve._server(pages, port)
        with serve._server(pages, 0) as next_server:
            assert next_server.server_address[1] > port
        status, page = ask(server)
        version = ask(server, "/version")
        assert status == 200
        assert f'data-follows="{version[1]}"' in page
        assert "connect-src 'self'" in page
        assert ask(server) == (200, page)
        Image.fromarray(grid(7)).save(folder / "samples/00000500.png")
        assert ask(server, "/version") != version
        assert "Trained for 500 steps" in ask(server)[1]
        assert ask(server, host="evil.example")[0] == 403  # a name that points here
        assert ask(server, "/config.json")[0] == 404
        shutil.rmtree(folder)
        status, sentence = ask(server)
        assert status == 500
        assert "there is no folder" in sentence
        server.shutdown()
    assert "data-follows" not in page.split("<body>")[1].split("<script>")[0]


def test_serving_is_refused_before_it_begins(report, tmp_path):
    assert "writes no file" in report(tmp_path, "--serve", "--out=a.html", code=2)
    assert "there is no folder" in report(tmp_path / "nowhere", "--serve", code=2)
    folder = write_run(tmp_path / "mine", frames=1)
    assert "is not a port" in report(folder, "--serve", "--port=99999", code=2)


def test_images_held_out_do_not_count_as_trained_on(parts, tmp_path):
    run = parts["read"].read_run(write_run(tmp_path / "mine", settings={"holdout": 0.1}))
    assert parts["one"].title_of(run).endswith("32×32×3, 4,500 images (500 more were held out)")


def test_the_command_gives_the_settings_back(report, undrawn, tmp_path):
    folder = write_run(
        tmp_path / "a run", settings={"tricks": 'x(s="it\'s")', "data": "files(fit='$HOME')"}
    )
    report(folder)
    command = re.search(
        r"gan_zoo train.*?-again'?\n?", Page(folder / "report.html").text, re.DOTALL
    )[0]
    words = dict(word[2:].split("=", 1) for word in shlex.split(command.replace("\\\n", " "))[2:])
    assert words.pop("workdir") == "runs/a run-again"
    saved = json.loads((folder / "config.json").read_text())["config"]
    assert "another length" not in Page(folder / "report.html").text
    # What is at its default need not be said.
    assert words == {
        k: str(v) for k, v in saved.items() if k not in ("workdir",) and (k != "tricks" or v)
    }


def test_a_length_that_changed_is_told(report, undrawn, tmp_path):
    folder = write_run(tmp_path / "mine")
    record = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**record, "steps_before": [[225, 8000], [300, "<b>"], 7]})
    )
    report(folder)
    assert (
        "It had another length before (--steps=8000 up to step 225):"
        in Page(folder / "report.html").text
    )


def test_nothing_in_a_run_is_taken_for_html(report, tmp_path):
    folder = write_run(
        tmp_path / "<b>$run$ {}&amp;",
        settings={"tricks": EVIL, EVIL: EVIL, "gen": EVIL},
        extra={f"{EVIL}/x": 1.0, "<b>/y": 2.0},
        stamp={"resize": EVIL, "warning": EVIL, "versions": {EVIL: EVIL}},
    )
    record = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({**record, "commit": EVIL, "machine": {EVIL: [EVIL]}, "data": {"name": EVIL}})
    )
    report(folder)
    page = Page(folder / "report.html")
    check_safe(page)
    assert page.text.count(EVIL) > 8
    assert "<b>$run$ {}&amp;" in page.text


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: (f / "config.json").unlink(), "config.json is missing"),
        (lambda f: (f / "config.json").write_text('{"config": '), "config.json cannot be read"),
        (lambda f: (f / "config.json").write_text("[1, 2]"), "config.json cannot be read"),
        (lambda f: (f / "metrics.jsonl").unlink(), "metrics.jsonl is missing"),
        (lambda f: (f / "metrics.jsonl").write_bytes(b""), "metrics.jsonl is empty"),
        (
            lambda f: (f / "metrics.jsonl").write_bytes(bytes(range(256)) * 9),
            "lines of metrics.jsonl cannot be read",
        ),
        (lambda f: cut(f / "metrics.jsonl", 9), "the last line of metrics.jsonl is cut short"),
        (
            lambda f: cut(f / "evaluations.jsonl", 9),
            "the last line of evaluations.jsonl is cut short",
        ),
        (
            lambda f: prepend(f / "metrics.jsonl", '{"a": 1}\n[3]\n'),
            "2 of 42 lines of metrics.jsonl cannot be read",
        ),
        (
            lambda f: prepend(f / "evaluations.jsonl", '{"step": 5, "value": "x"}\n'),
            "1 of 11 lines of evaluations.jsonl",
        ),
        (lambda f: (f / "evaluations.jsonl").unlink(), "evaluations.jsonl is missing"),
        (lambda f: shutil.rmtree(f / "samples"), "there are no samples"),
        (
            lambda f: (f / "samples/00000400.png").write_bytes(b"\x89PNG rubbish"),
            "1 grid of samples cannot be read",
        ),
    ],
)
def test_damaged_runs(report, undrawn, tmp_path, damage, sentence, several):
    folder = write_run(tmp_path / "mine")
    damage(folder)
    if several:
        report(folder, write_run(tmp_path / "other"), "--out=page.html")
    else:
        report(folder, "--out=page.html")
    page = Page(Path("page.html"))
    check_safe(page)
    assert sentence in (page.aside if "grid" not in sentence else page.text)
    assert "mine" in page.text


def test_values_of_wrong_kinds(report, tmp_path):
    folder = write_run(tmp_path / "mine")
    spoil(folder)
    report(folder, "--out=page.html")
    check_safe(Page(Path("page.html")))
    report(folder, write_run(tmp_path / "other"), "--out=page.html")
    check_safe(Page(Path("page.html")))


def cut(path, n):
    path.write_bytes(path.read_bytes()[:-n])


def prepend(path, text):
    path.write_text(text + path.read_text())


def spoil(folder):
    """Values of all wrong kinds where a reader might trust them."""
    odd = [None, True, "x", [], {}, 1e308, -1e308, 5e-324, float("nan"), float("inf"), 10**400, -1]
    record = json.loads((folder / "config.json").read_text())
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    keys = [*lines[-1], "step"]
    lines += [{**lines[-1], key: value} for key in keys for value in odd]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    first = json.loads((folder / "evaluations.jsonl").read_text().splitlines()[0])
    lines = [first] + [{**first, key: value} for key in first for value in odd]
    (folder / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for i, key in enumerate(record["config"]):
        record["config"][key] = odd[i % len(odd)]
    record |= {
        "commit": [],
        "versions": 3,
        "machine": "m",
        "command": {},
        "data": {"shape": 3, "count": "many", "name": []},
    }
    (folder / "config.json").write_text(json.dumps(record))


def test_refusals(report, undrawn, tmp_path):
    folder = write_run(tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "rubbish").mkdir()
    (tmp_path / "rubbish/config.json").write_text("{}")
    comparison = write_comparison(tmp_path / "ab")
    (folder / "report.html").write_text("<p>my own notes</p>")
    assert "no run is given" in report(code=2)
    assert "there is no folder" in report(tmp_path / "nowhere", code=2)
    assert "nothing of a run" in report(tmp_path / "empty", code=2)
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "config.json").write_text("{}")
    assert f"such as {tmp_path / 'runs' / 'one'}" in report(tmp_path / "runs", code=2)
    assert "nothing of a run" in report(tmp_path / "rubbish", code=2)
    assert "must end in .html" in report(folder, "--out=page.pdf", code=2)
    assert "is not a report of gan_zoo" in report(folder, code=2)
    assert (folder / "report.html").read_text() == "<p>my own notes</p>"
    assert "given twice" in report(folder, folder / "samples/..", code=2)
    assert "name it alone" in report(comparison, folder, code=2)
    (comparison / "comparison.json").write_text("{")
    assert "cannot be read" in report(comparison, code=2)


def test_where_the_page_goes(report, undrawn, tmp_path):
    a, b = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    report(a)
    report(a)  # our own page is replaced
    assert (a / "report.html").is_file()
    report(a, b)
    report(a, b)
    assert sorted(p.name for p in Path().iterdir()) == ["report-2.html", "report.html"]
    report(a, b, "--out=new/page.html")
    assert Path("new/page.html").is_file()


def test_equal_input_gives_equal_pages(report, parts, tmp_path, monkeypatch):
    folder = write_run(tmp_path / "mine")
    monkeypatch.setattr("gan_zoo.reporting.time.strftime", lambda _: "today")
    pages = []
    for name in ("1.html", "2.html"):
        report(folder, f"--out={name}")
        pages.append(Path(name).read_text())
    assert pages[0] == pages[1]


def test_pages_need_no_tensorflow(light_command, tmp_path):
    done = light_command("report", write_run(tmp_path / "mine"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_page_of_several_runs(report, undrawn, tmp_path):
    a = write_run(tmp_path / "x/run", settings={"gen_opt": "adam(1e-3)"})
    b = write_run(tmp_path / "y/run", (44.0, 22.0), {"seed": 8}, stamp={"n_fake": 500})
    report(a, b)
    page = Page(Path("report.html"))
    check_safe(page)
    assert page.row("x/run")[:5] == ["x/run", "10.00", "200", "15.00", "1.50"]
    assert page.row("y/run")[:5] == ["y/run", "22.00", "200", "22.00", "1.00"]
    assert page.row("gen_opt") == [
        "gen_opt",
        "adam(1e-3)",
        "adam(2e-4, beta_1=0.5)",
    ]  # the second has the default
    assert page.row("seed") == ["seed", "7", "8"]
    differing = page.rows.index(page.row("seed"))
    assert ["loss", "hinge", "hinge"] not in page.rows[: differing + 1]
    assert "y/run and x/run: they differ in n_fake (2000 and 500)" in page.aside
    assert set(page.frames) == {"0", "1"}
    assert page.frames["1"][-1][:2] == [3200, 400]  # on the slider by images


def test_scores_that_do_not_compare_have_a_chart_each(report, tmp_path):
    def charts(source):
        scores = source[source.index("<h2>Scores") : source.index("<h2>Side by side")]
        return re.findall(r"<figcaption><b>FD-embedded</b>(.*?)</figcaption>", scores, re.S)

    others = {"data_hash": "99f1", "floor": 3.0}
    runs = [
        write_run(tmp_path / name, stamp=stamp)
        for name, stamp in (("cats", None), ("dogs", others), ("cats2", {"ema": True}))
    ]
    report(runs[0], runs[2], "--out=alike.html")
    (alike,) = charts(Page(Path("alike.html")).source)
    assert "cats" in alike and "cats2" in alike and "cannot be compared" not in alike
    report(*runs, "--out=all.html")
    page = Page(Path("all.html"))
    first, second = charts(page.source)
    assert all("cannot be compared with those of another" in each for each in (first, second))
    assert "cats" in first and "cats2" in first and "dogs" not in first
    assert "dogs" in second and "cats" not in second
    colors = [re.findall(r"--c(\d)", each) for each in (first, second)]
    assert colors == [["0", "2"], ["1"]]  # as in the other charts
    assert first.count("real against real") == second.count("real against real") == 1
    assert page.source.count("<b>Precision</b>") == 2 and page.source.count("<b>Losses: D</b>") == 1


def test_page_of_a_comparison(report, tmp_path):
    folder = write_comparison(tmp_path / "ab")
    report(folder)
    page = Page(folder / "report.html")
    check_safe(page)
    assert not page.aside
    assert "Is a better than b?" in page.text
    assert "b is worse." in page.text
    board = [row for row in page.rows if row[0] in ("a baseline", "b") and len(row) == 11]
    assert [row[0] for row in board] == ["b", "a baseline"]  # the best first
    assert board[1][1:] == [
        "12.34",
        "15.00",
        "1.25",
        "1/2",
        "1,600",
        "–",
        "–",
        "–",
        "371k + 168k",
        "–",
    ]
    assert [row for row in page.rows if row[0] == "b" and len(row) == 5] == [
        ["b", "1.50", "2", "1.20 to 1.90", "1.25"]
    ]
    assert "FD-embedded@51b9, real against real 0.9500, target 14.20; lower is better." in page.text
    order = ("b is worse.", "Samples", "Scores", "Leaderboard", "All runs", "To run it again")
    places = [page.text.index(f"{words}") for words in order]
    assert places == sorted(places)  # the verdict first, then pictures, then tables
    assert "verdicts is at 95 %" not in page.text  # there is one
    results = json.loads((folder / "results.json").read_text())
    results["comparisons"] *= 3
    (folder / "results.json").write_text(json.dumps(results))
    report(folder)
    assert "Each of these 3 verdicts is at 95 %" in Page(folder / "report.html").text
    pictures = [json.loads(attrs["data-runs"]) for attrs in page.of("img") if "src" in attrs]
    assert pictures == [{"0": 0, "1": 1}, {"0": 2, "1": 3}]
    assert [attrs["value"] for attrs in page.of("option")] == ["0", "1"]
    assert len(page.of("details")) >= 4
    assert len(page.frames) == 4


def test_a_comparison_of_one_seed_has_no_columns_of_intervals(report, undrawn, tmp_path):
    folder = write_comparison(tmp_path / "ab")
    about = json.loads((folder / "comparison.json").read_text())
    results = json.loads((folder / "results.json").read_text())
    results["comparisons"][0] |= {"n": 1, "low": None, "high": None, "detectable": None}
    (folder / "comparison.json").write_text(json.dumps({**about, "seeds": [0]}))
    (folder / "results.json").write_text(json.dumps(results))
    report(folder)
    page = Page(folder / "report.html")
    assert ["variant", "ratio", "seeds"] in page.rows and ["b", "1.50", "1"] in page.rows
    assert f"Score divided by that of a. {ONE_SEED}" in page.text
    assert "Detectable" not in page.text


def test_a_comparison_of_an_earlier_version_shows_the_command_of_today(report, undrawn, tmp_path):
    folder = write_comparison(tmp_path / "ab")
    about = json.loads((folder / "comparison.json").read_text())
    about |= {"command": "python tools/compare.py --choose=last x", "choose": "last"}
    del about["select"]
    (folder / "comparison.json").write_text(json.dumps(about))
    report(folder)
    text = Page(folder / "report.html").text
    assert "gan_zoo compare --select=last x" in text
    assert "Ranked by the last score of a run." in text
    (folder / "comparison.json").write_text(json.dumps({**about, "command": ""}))
    report(folder)  # made by the function, not by a command
    assert "To run it again" not in Page(folder / "report.html").text


def test_page_of_a_comparison_that_goes_on(report, undrawn, tmp_path):
    folder = write_comparison(tmp_path / "ab", done=False)
    report(folder)
    page = Page(folder / "report.html")
    assert "3 of 4 runs are done" in page.aside
    assert "b, seed 1: running" in page.aside
    assert [row[:2] for row in page.rows if len(row) == 11][1:3] == [
        ["a baseline", "12.34"],
        ["b", "–"],
    ]
    for content in (
        None,
        "{",
        "[]",
        '{"runs": [3, {"folder": []}], "variants": {"a": 4, "b": {"best": "x"}}, "comparisons": {}}',
    ):
        (folder / "results.json").unlink(missing_ok=True)
        if content:
            (folder / "results.json").write_text(content)
        report(folder)
        assert "b, seed 1: there is no run in b-seed1 yet" in Page(folder / "report.html").aside
    for name in ("a-seed0", "a-seed1", "b-seed0"):
        shutil.rmtree(folder / name)
    report(folder)
    page = Page(folder / "report.html")
    check_safe(page)
    assert page.frames == {}


def test_nothing_in_a_comparison_is_taken_for_html(report, tmp_path):
    folder = write_comparison(tmp_path / "ab", variants=(EVIL, f"@0@ url(http:x) {EVIL}"))
    about = json.loads((folder / "comparison.json").read_text())
    (folder / "comparison.json").write_text(
        json.dumps({**about, "question": EVIL, "command": EVIL, "budget": {EVIL: EVIL}})
    )
    report(folder)
    page = Page(folder / "report.html")
    page.source = page.source.replace("url(http:x)", "")
    check_safe(page)
    assert page.text.count(EVIL) > 8


def test_a_comparison_does_not_lead_out_of_its_folder(report, undrawn, tmp_path):
    folder = write_comparison(tmp_path / "ab")
    write_run(tmp_path / "b-seed0", settings={"gen": "from outside"})
    about = json.loads((folder / "comparison.json").read_text())
    about["variants"]["b"]["slug"] = "../b"
    (folder / "comparison.json").write_text(json.dumps(about))
    report(folder)
    assert "from outside" not in Page(folder / "report.html").text


def test_what_tools_recorded_is_kept_apart(report, undrawn, tmp_path):
    folder = write_run(tmp_path / "mine")
    line = {
        "step": 400,
        "final": True,
        "by": "gan_zoo evaluate",
        **STAMP,
        "value": 3.25,
        "error": None,
        "warning": "",
    }
    with (folder / "evaluations.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    report(folder)
    page = Page(folder / "report.html")
    found = [row for row in page.rows if row[0] == "FD-embedded\u00a0↓"]
    assert found[0][1] == "15.00± 0.20"
    assert found[1] == [
        "FD-embedded\u00a0↓",
        "400",
        "3.250",
        "FD-embedded@51b9 (2k fake/5k real train@e5d5, none, lanczos 64, no EMA)",
        "gan_zoo evaluate",
    ]


def test_an_alarm_that_ended_is_told_as_such(parts, tmp_path):
    from gan_zoo.reporting.read import alarms_of

    """A score at twice its best for two evaluations, and then better than ever."""
    run = parts["read"].read_run(write_run(tmp_path / "mine", (10.0, 20.0, 20.0, 5.0)))
    now, before = alarms_of(run)
    assert [a.name for a in now] == ["collapse"]  # recall fell, see write_run
    assert [(a.name, a.since) for a in before] == [("past_best", 100)]


def test_frames_keep_to_their_budget(parts, tmp_path):
    folder = write_run(tmp_path / "mine", frames=0)
    for i in range(12):
        Image.fromarray(grid(i, 96)).save(folder / f"samples/{i:08d}.png")
    run = parts["read"].read_run(folder)
    exact, notes = parts["read"].uris(run, 1e6)
    assert [step for step, _ in exact] == list(range(12))
    assert notes == []
    assert all((decoded(uri) == grid(step, 96)).all() for step, uri in exact)
    # Without loss, one takes 28 kB; with loss 8, and at half its size 1.5.
    for budget, shown, words in (
        (135e3, 12, "the last grid is exact, those before it are compressed with loss"),
        (60e3, 12, "the grids are compressed with loss and at half their size"),
        (9e3, 5, "the grids are compressed with loss and at half their size"),
    ):
        found, notes = parts["read"].uris(run, budget)
        assert sum(len(base64.b64decode(uri.partition(",")[2])) for _, uri in found) <= budget
        assert (found[0][0], found[-1][0], len(found)) == (0, 11, shown)
        assert notes[0] == words
        assert (decoded(found[-1][1]).shape == (96, 96, 3)) == ("exact" in words)
    assert notes[1].startswith("5 of 12 grids are shown")


def test_means_of_curves(parts):
    mean = parts["curves"].mean_curve
    lines = [[(0, 1.0), (2, 4.0)], [(1, 9.0), (3, 9.0)]]
    # From 1 to 2, where both are: the first is 2.5 and 4 there.
    assert mean(lines, False) == [(1, 5.75), (2, 6.5)]
    assert mean(lines, True) == [(1, pytest.approx(22.5**0.5)), (2, pytest.approx(6.0))]
    thinned = parts["plots"]._thinned([(float(i), float(i % 2)) for i in range(600)])
    assert thinned[:2] == [(0.5, 0.5), (2.5, 0.5)]
    assert len(thinned) == 300


@pytest.mark.slow
def test_in_a_browser(report, tmp_path):
    """The page's script runs under the page's own rules and fills in what it should."""
    chromium = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if chromium is None:
        pytest.skip("there is no chromium")
    folder = write_comparison(tmp_path / "ab")
    report(folder)
    words = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-sync",
    ]
    words += ["--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [chromium, *words, f"file://{folder / 'report.html'}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    (tmp_path / "after.html").write_text(done.stdout)
    page = Page(tmp_path / "after.html")
    assert "a step 400" in page.text
    assert "3,200 images" in page.text
    assert all("src" in attrs for attrs in page.of("img"))
