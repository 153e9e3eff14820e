"""What --help shows of flags."""

from absl import flags

from gan_zoo import cli, config
from gan_zoo.flag_help import flag_help


def test_flags_stand_in_the_order_of_their_definition_with_what_they_take():
    values = flags.FlagValues()
    flags.DEFINE_integer("seeds", 3, "runs of each", 1, 100, flag_values=values)
    flags.DEFINE_bool("page", True, "write a page", flag_values=values)
    flags.DEFINE_enum("ask", None, ["yes", "no"], "a long text " * 12, flag_values=values)
    flags.DEFINE_integer("first", 0, "the first", short_name="f", flag_values=values)
    lines = flag_help(values).splitlines()
    assert lines[:3] == [
        "Of this command:",
        "  --seeds: runs of each; an integer in the range [1, 100]; default 3",
        "  --[no]page: write a page; on by default",
    ]
    assert lines[3].startswith("  --ask: <yes|no>: a long text a long")
    assert lines[4].startswith("    ") and len(lines) == 7
    assert lines[-1] == "  -f, --first: the first; an integer; default 0"
    assert max(map(len, lines)) <= 80


def test_the_flags_of_a_command_come_before_settings_and_those_of_every_command(capsys):
    assert cli.call(lambda *_: 0, config.define_flags, "Do it.", ["--help"]) == 0
    shown = capsys.readouterr().out
    places = [
        shown.index(word) for word in ("Settings of a run:", "--config:", "--gen:", "Of every")
    ]
    assert places == sorted(places)
    assert shown.count("--[no]help") == shown.count("--steps:") == 1


def test_a_preset_that_is_written_as_a_flag_is_named(capsys):
    assert cli.call(lambda *_: 0, config.define_flags, "", ["--quick64"]) == 2
    assert "did you mean --config=quick64?" in capsys.readouterr().err


def test_a_flag_without_its_value_is_told(capsys):
    assert (
        cli.call(
            lambda values, _: bool(config.from_flags(values)),
            config.define_flags,
            "",
            ["--condition", "--seed=1"],
        )
        == 2
    )
    assert (
        "--condition: '--seed=1' is a flag, where a value was expected" in capsys.readouterr().err
    )
