import inspect

import pytest

from gan_zoo import commands, registry
from gan_zoo.config import Config
from gan_zoo.errors import PartError, UserError
from gan_zoo.registry import Registry
from gan_zoo.runs.places import require_extractor, require_places
from gan_zoo.spec import Spec, american, parse_spec, parse_specs


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("", []),
        ("dcgan", [Spec("dcgan")]),
        ("dcgan(width=64)", [Spec("dcgan", (), {"width": 64})]),
        (
            "a(0.7, 1.2), b(-1e-3,'x',None), c",
            [Spec("a", (0.7, 1.2)), Spec("b", (-1e-3, "x", None)), Spec("c")],
        ),
        ("dense((8, 16))", [Spec("dense", ((8, 16),))]),
    ],
)
def test_specs_are_calls_with_literals(text, specs):
    assert parse_specs(text) == specs


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('x')",
        "a(b())",
        "a(x)",
        "a(**{'b': 1})",
        "a(*[1])",
        "a.b(1)",
        "3",
        "a(",
        "a) + (b",
        "[a]",
        "lambda: 0",
        "a({[]: 1})",
        "a(k=1, k=2)",
        "a(1 if 1 else 2)",
    ],
)
def test_code_in_a_spec_is_refused_and_never_run(text):
    with pytest.raises(UserError):
        parse_specs(text)


def test_a_spec_reads_back_from_its_text():
    for text in ("a", "a(1, 'x', k=(1, 2))"):
        assert parse_spec(str(parse_spec(text))) == parse_spec(text)


def test_british_spelling_becomes_american():
    assert american("colour, hair_colour, Grey, greyhound, normalise=1") == (
        "color, hair_color, Grey, greyhound, normalize=1"
    )


def test_arguments_may_be_spelled_the_british_way():
    table = Registry("widgets", "widget", "nowhere")
    table._index = {}

    @table.register
    def american_part(color: str = "red"):
        """One."""
        return color

    @table.register
    def british_part(colour: str = "red"):
        """Another."""
        return colour

    assert table.build("american_part(colour='grey')") == "grey"  # values stay as they are
    assert table.build("british_part(colour='blue')") == "blue"
    with pytest.raises(UserError, match="unexpected keyword argument 'color'"):
        table.build("british_part(color='blue')")
    with pytest.raises(UserError, match="unexpected keyword argument 'colour'"):
        table.build("american_part(color='blue', colour='red')")


def test_one_spec_means_one():
    with pytest.raises(UserError, match="names 2"):
        parse_spec("a,b")


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(
        UserError, match=r"no generator 'dcgn'; did you mean dcgan.*\?.*conv_noise28"
    ):
        registry.generators.check(Spec("dcgn"))


def test_wrong_arguments_are_answered_with_the_signature_without_what_the_framework_sets():
    with pytest.raises(UserError, match=r"dcgan\(width=64.*'wdth'") as e:
        registry.generators.check(Spec("dcgan", (), {"wdth": 3}))
    assert "image_shape" not in str(e.value)
    with pytest.raises(UserError, match="set by the framework"):
        registry.generators.check(Spec("dcgan", (), {"image_shape": (1, 1, 1)}))


def test_an_argument_of_the_framework_must_stand_after_the_star():
    table = Registry("widgets", "widget", "nowhere")
    table._index = {}

    @table.register
    def starless(image_shape, width=3):
        """One."""

    with pytest.raises(UserError, match=r"'image_shape'; write image_shape after \* in its"):
        table.check(Spec("starless"))


def test_an_unknown_name_without_a_near_one_points_to_plugins():
    with pytest.raises(UserError, match=r"no trick 'zzz'.*--plugins=FILE adds the parts of a file"):
        registry.tricks.check(Spec("zzz"))


FIRST_CHECKS = """
from gan_zoo.errors import check_at_least, check_decay as decay, check_positive
from gan_zoo.files import require_there
from gan_zoo.registry import noises

raise SystemExit("must not be loaded")

@noises.register
def picky(width: int = 4, rate: float = DEFAULT, path: str = "", size: int = 3):
    'Noise.'
    check_at_least(1, width=width)
    decay(rate=rate)
    require_there("", "word*", path=path)
    size = size + 2
    check_positive(size=size)
"""


def test_the_checks_that_a_part_begins_with_need_no_part(tmp_path, monkeypatch):
    monkeypatch.setattr(registry.third_party, "files", [])
    table = Registry("noises", "noise")
    (tmp_path / "mine.py").write_text(FIRST_CHECKS)
    registry.add_plugin_file(tmp_path / "mine.py")
    table.check(parse_spec("picky"))  # a default that is no literal is not known
    table.check(parse_spec("picky(size=-1)"))  # behind a line that is no check
    for text, says in {
        "picky(0)": "noise picky(0): width=0 must be a whole number, 1 or more.",
        "picky(rate=1.5)": "noise picky(rate=1.5): rate=1.5 must be from 0 to below 1.",
    }.items():
        with pytest.raises(UserError) as caught:
            table.check(parse_spec(text))
        assert str(caught.value) == says
    lost = str(tmp_path / "lost")
    table.check(parse_spec(f"picky(path={lost!r})"))  # places are for those who go there
    with pytest.raises(UserError, match=r"there is no .*lost; path must be .*, or 'word\*'\."):
        table.require_places(parse_spec(f"picky(path={lost!r})"))
    for path in ("", "words", str(tmp_path)):
        table.require_places(parse_spec(f"picky(path={path!r})"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"gen_opt": "adam(-1)"}, "--gen_opt: optimizer adam(-1): learning_rate=-1"),
        ({"disc_opt": "adam(1e-4, beta_1=2)"}, "beta_1=2 must be from 0 to below 1"),
        ({"disc_opt": "sgd(schedule='zigzag')"}, "schedule='zigzag' is unknown; give constant"),
        ({"gen_opt": "rmsprop(1e-4, until=1.5, schedule='linear')"}, "until=1.5 must be a whole"),
        ({"gen": "dcgan(width=0)"}, "width=0 must be a whole number"),
        ({"tricks": "flip_labels(2.0)"}, "rate=2.0 must be from 0 to 1"),
    ],
)
def test_settings_refuse_values_of_parts_that_are_not_loaded(settings, says):
    with pytest.raises(UserError) as caught:
        Config(**settings)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("extractor", "says"),
    [
        ("inception(path='no.pth')", "there is no no.pth; path must .*, or 'pt_inception'"),
        ("keras_hub('folder')", "there is no folder; "),
        ("saved_model('nowhere')", "there is no nowhere; "),
        ("saved_model(3)", "cannot be built: .*; check its arguments"),
    ],
)
def test_a_missing_file_of_an_extractor_is_found_with_the_other_places(extractor, says, tmp_path):
    config = Config(extractor=extractor, workdir=str(tmp_path / "run"))
    with pytest.raises(UserError, match=rf"--extractor: feature extractor .*{says}"):
        require_places(config)
    require_places(Config(extractor=extractor, workdir=str(tmp_path / "run"), eval_every=0))


def test_an_extractor_with_a_name_in_place_of_a_file_is_not_looked_for():
    for text in ("inception", "inception('pt_inception')", "keras_inception", "keras_hub"):
        require_extractor(Config(extractor=text))


def test_what_is_read_from_the_source_is_what_python_sees():
    for table in registry.tables.values():
        for name, entry in table.entries().items():
            loaded = inspect.signature(table[name])
            assert [(p.name, p.kind) for p in entry.signature.parameters.values()] == [
                (p.name, p.kind) for p in loaded.parameters.values()
            ], name
            assert inspect.getdoc(table[name]).split("\n")[0] == entry.summary != ""


def test_a_taken_name_raises():
    table = Registry("widgets", "widget", "nowhere")
    table._index = {}

    def part():
        """One."""

    table.register(part)

    def make():
        def part():
            """Another."""

        return part

    with pytest.raises(UserError, match="already registered"):
        table.register(make())
    assert table["part"] is part


def test_two_files_with_one_name_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(registry.third_party, "files", [])
    file = tmp_path / "mine.py"
    file.write_text(
        "from gan_zoo.registry import losses\n@losses.register\ndef hinge():\n    '''Mine.'''\n"
    )
    try:
        registry.add_plugin_file(file)
        with pytest.raises(UserError, match="'hinge' is registered twice"):
            registry.losses.entries()
    finally:
        monkeypatch.undo()
        registry.losses.forget_index()


def test_a_broken_plugin_breaks_only_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(registry.third_party, "files", [])
    file = tmp_path / "broken.py"
    file.write_text(
        "from gan_zoo.registry import losses\nimport no_such_module\n@losses.register\ndef broken_loss():\n    '''It.'''\n"
    )
    registry.add_plugin_file(file)
    try:
        assert "broken_loss" in registry.losses.entries()  # found without being run
        assert registry.losses.build("hinge").uses_targets is False
        with pytest.raises(
            UserError, match=r"'broken_loss' cannot be loaded from .*broken\.py.*no_such_module"
        ):
            registry.losses.build("broken_loss")
    finally:
        monkeypatch.undo()
        registry.losses.forget_index()


def test_parts_of_other_packages_come_by_entry_points(tmp_path, monkeypatch):
    package = tmp_path / "other_gans"
    package.mkdir()
    (package / "__init__.py").write_text(
        "raise RuntimeError('the package itself must not be imported to list its parts')"
    )
    (package / "parts.py").write_text(
        "from gan_zoo.registry import losses\n@losses.register\ndef my_loss(scale: float = 2.0):\n    '''Theirs.'''\n"
    )
    info = tmp_path / "other_gans-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-gans\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[gan_zoo.losses]\nmy_loss = other_gans.parts:my_loss\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry.losses.forget_index()
    try:
        entry = registry.losses.entries()["my_loss"]
        assert (str(entry.signature), entry.summary) == ("(scale=2.0)", "Theirs.")
        with pytest.raises(UserError, match=r"my_loss.*must not be imported"):
            registry.losses.build("my_loss")
        (package / "__init__.py").write_text("")
        (package / "parts.py").write_text((package / "parts.py").read_text() + "    return scale\n")
        assert registry.losses["my_loss"](3.0) == 3.0
    finally:
        registry.losses._loaded.pop("my_loss", None)
        monkeypatch.undo()
        registry.losses.forget_index()


@pytest.mark.parametrize(
    "text", ["dcgan(width='wide')", "dcgan(True)", "dense(8)", "flip_labels('x')"]
)
def test_a_value_of_another_kind_than_the_default_is_refused(text):
    table = registry.tricks if text.startswith("flip") else registry.generators
    with pytest.raises(UserError, match="has the wrong type"):
        table.check(parse_spec(text))


@pytest.mark.parametrize("body", ["return 3", "raise RuntimeError('two\\nlines')"])
def test_a_part_of_ones_own_that_fails_is_named_in_one_line(tmp_path, monkeypatch, body):
    monkeypatch.setattr(registry.third_party, "files", [])
    file = tmp_path / "own.py"
    file.write_text(
        f"from gan_zoo.registry import losses\n@losses.register\ndef own_loss():\n    'It.'\n    {body}\n"
    )
    registry.add_plugin_file(file)
    try:
        with pytest.raises(UserError, match="own_loss") as e:
            registry.losses.build("own_loss")
        assert "\n" not in str(e.value)
        if body.startswith("raise"):
            assert isinstance(e.value, PartError)
            assert (e.value.part, e.value.module) == ("the loss own_loss", str(file))
    finally:
        registry.losses._loaded.pop("own_loss", None)
        monkeypatch.undo()
        registry.losses.forget_index()


def test_the_list_of_parts_is_plain_text(capsys):
    assert commands.main(["list"]) == 0
    listed = capsys.readouterr().out
    assert "with probability `rate`" in listed
    assert "``" not in listed
