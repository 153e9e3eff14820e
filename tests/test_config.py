import dataclasses

import numpy as np
import pytest
from absl import flags

from gan_zoo import config
from gan_zoo.commands import compare
from gan_zoo.config import Config
from gan_zoo.errors import UserError


def parse(*words):
    values = flags.FlagValues()
    config.define_flags(values)
    values(["x", *words])
    return config.from_flags(values)


def test_defaults_then_preset_then_flags(tmp_path):
    preset = tmp_path / "p.py"
    preset.write_text("from gan_zoo.config import Config\nconfig = Config(batch=8, steps=5)\n")
    got = parse(f"--config={preset}", "--steps=7")
    assert (got.batch, got.steps, got.seed) == (8, 7, Config().seed)


def test_a_flag_that_repeats_the_default_still_beats_the_preset(tmp_path):
    preset = tmp_path / "p.py"
    preset.write_text("from gan_zoo.config import Config\nconfig = Config(batch=8)\n")
    assert parse(f"--config={preset}", f"--batch={Config().batch}").batch == Config().batch


def test_a_data_dir_alone_means_the_files_in_it():
    assert parse("--data_dir=x").data == "files"
    assert parse("--data_dir=x", "--data=celeba").data == "celeba"
    assert parse().data == "cartoon_faces"


def test_a_data_dir_alone_means_files_in_python_and_in_a_preset_too(tmp_path):
    assert Config(data_dir="x").data == "files"
    assert Config(data_dir="x", data="celeba").data == "celeba"
    preset = tmp_path / "p.py"
    preset.write_text("from gan_zoo.config import Config\nconfig = Config(data_dir='x')\n")
    assert parse(f"--config={preset}").data == "files"
    assert config.from_settings({"data_dir": "x"}, Config(batch=8)).data == "files"
    assert config.from_settings({"data_dir": "y"}, Config(data="celeba")).data == "celeba"


def test_a_pair_with_a_preset_of_its_own_takes_it_where_no_other_is_given():
    own = config.load_preset("noise_image28")
    assert own != Config()
    assert parse() == own
    assert parse("--gen=conv_noise28", "--disc=cnn_fc") == own
    assert config.from_settings({"gen": " conv_noise28"}).disc_opt == own.disc_opt
    assert parse("--disc_opt=adam").disc_opt == "adam"
    for other in ("--gen=dcgan", "--disc=cnn_fc(width=8)", "--config=demo"):
        assert parse(other).disc_opt == Config().disc_opt
    assert config.from_settings({}, Config()) == Config()


def test_the_settings_of_a_pairs_own_preset_are_told_as_far_as_they_hold():
    own = {"tricks": "r1(1, every=8)", "disc_opt": "adam(5e-5, beta_1=0.5)", "ema": 0.99}
    assert config.own_settings(parse()) == own
    del own["ema"]
    assert config.own_settings(parse("--ema=0.5", "--batch=8")) == own
    assert config.own_settings(Config()) == {}
    assert config.own_settings(parse("--gen=dcgan")) == {}


def test_a_run_of_the_drawn_faces_stays_one_whatever_its_data_dir():
    saved = dataclasses.asdict(Config()) | {"data_dir": "x"}
    assert config.from_json(saved).data == "cartoon_faces"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("config = 3", "sets no config"),
        ("1/0", "ZeroDivisionError"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("from gan_zoo.config import Config\nconfig = Config(batch=0)", "--batch=0"),
        ("from gan_zoo.config import Config\nconfig = Config(bach=1)", "bach"),
        ("not python!", "SyntaxError"),
    ],
)
def test_a_bad_preset_is_one_sentence(tmp_path, text, says):
    preset = tmp_path / "p.py"
    preset.write_text(text)
    with pytest.raises(UserError, match=says):
        parse(f"--config={preset}")


def test_a_missing_preset_names_the_nearest(tmp_path):
    (tmp_path / "faces.py").write_text("")
    with pytest.raises(UserError, match=r"did you mean .*faces\.py"):
        parse(f"--config={tmp_path}/faxes.py")


@pytest.mark.parametrize(("text", "size"), [("28", (28, 28)), ("100x75", (100, 75))])
def test_image_size(text, size):
    assert Config(image_size=text).size == size


@pytest.mark.parametrize(
    "bad",
    [{"image_size": t} for t in ("", "0", "28x", "x28", "-28", "9999", "28.5")]
    + [
        {"steps": -1},
        {"batch": 1},
        {"ema": 1.0},
        {"channels": 2},
        {"seed": -1},
        {"log_every": 0},
        {"tricks": "nope"},
        {"loss": "hinge,hinge"},
    ],
)
def test_bad_values_are_refused_by_the_name_of_their_flag(bad):
    (name,) = bad
    with pytest.raises(UserError, match=f"--{name}"):
        Config(**bad)


def test_the_default_folder_depends_on_what_changes_the_run_and_on_nothing_else():
    base = Config()
    assert base.run_dir == Config().run_dir
    assert base.run_dir == dataclasses.replace(base, steps=9, sample_every=7).run_dir
    assert base.run_dir != dataclasses.replace(base, batch=32).run_dir


def test_differences_name_what_changed_and_leave_out_what_may_change():
    old = dataclasses.asdict(Config())
    assert config.differences(old, Config(steps=9, workdir="x")) == []
    assert config.differences(old, Config(batch=32, loss="hinge")) == [
        "loss 'non_saturating' -> 'hinge'",
        "batch 64 -> 32",
    ]
    del old["seed"]  # a run of an older version, without that field
    assert config.differences(old, Config()) == []
    assert config.differences(old, Config(seed=1)) == ["seed 0 -> 1"]


def test_differences_do_not_count_spellings_of_specs():
    old = dataclasses.asdict(Config(condition="projection('hair_colour')"))
    assert config.differences(old, Config(condition="projection('hair_color')")) == []
    assert len(config.differences(old, Config(condition="projection('eye_color')"))) == 1
    old = dataclasses.asdict(Config(data="files"))  # but in the names of a data set they do
    assert config.differences(
        {**old, "data": "files(classes='colour')"}, Config(data="files(classes='color')")
    )


def test_a_preset_may_use_the_types_that_come_naturally():
    config = Config(image_size=64, batch=np.int64(8), steps=1e3, ema=0)
    assert (config.image_size, config.batch, config.steps, config.ema) == ("64", 8, 1000, 0.0)
    assert [type(v) for v in (config.batch, config.steps, config.ema)] == [int, int, float]
    for bad in ({"seed": 1.5}, {"batch": "8"}, {"gen": None}, {"seed": 2**32}, {"steps": 10**23}):
        with pytest.raises(UserError, match=f"--{next(iter(bad))}="):
            Config(**bad)


def test_settings_survive_json_and_strange_ones_are_refused():
    saved = dataclasses.asdict(Config(batch=8))
    assert config.from_json(saved) == Config(batch=8)
    with pytest.raises(UserError, match="later_field"):
        config.from_json({**saved, "later_field": 1})


def test_a_comparison_begins_with_plain_settings_since_its_variants_may_have_other_nets():
    values = flags.FlagValues()
    compare.define_flags(values)
    values(["x", "--batch=8"])
    assert compare._study_of(values, ["a: --gen=dcgan"]).base == Config(batch=8)
