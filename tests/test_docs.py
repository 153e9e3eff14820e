"""The documentation: no dead link, no command, flag or preset that does not exist."""

import ast
import functools
import importlib
import re
import shlex
from pathlib import Path

import pytest
from absl import flags

import gan_zoo
from gan_zoo import commands
from gan_zoo.config import RESUMABLE, Config, preset_names
from gan_zoo.registry import tables
from tests.test_architecture import LAYERS
from tools import contract_tables, preset_table

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    ROOT / "experiments" / "README.md",
    ROOT / "experiments" / "RESULTS.md",
    *sorted(DOCS.rglob("*.md")),
]
# Lab notes are records of a day: their commands may have had other names.
CURRENT = [p for p in PAGES if p.parent.name != "lab-notes" and p.name != "CHANGELOG.md"]

OF_OTHER_PROGRAMS = {"logdir"}


def page_id(path):
    return str(path.relative_to(ROOT))


def fenced(text, language=None):
    """The code blocks of a page: those of one language, or those of none."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [code for name, code in blocks if name == (language or "")]


def anchors(path):
    """The anchors of a page's headings, as GitHub and mkdocs make them of plain words."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def dead_links(path):
    """The relative links and images of a page that lead nowhere."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)\s#]*)(?:#([^)\s]*))?\)", text)
    pictures = [(target, "") for target in re.findall(r'<img src="([^"]+)"', text)]
    for target, anchor in links + pictures:
        if re.match(r"[a-z]+:", target):
            continue
        file = (path.parent / target).resolve() if target else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            yield f"{target}#{anchor}"


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_links_and_pictures_exist(path):
    assert not list(dead_links(path))


def test_a_dead_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '# A\n[a](#a) [b](page.md#b) ![c](c.png) [d](https://d.example)\n<img src="e.gif">'
    )
    assert list(dead_links(page)) == ["page.md#b", "c.png#", "e.gif#"]


def shell_lines(path):
    """The commands in the code blocks of a page, with continued lines joined."""
    for block in fenced(path.read_text(encoding="utf-8")):
        yield from block.replace("\\\n", " ").splitlines()


def calls(path):
    """The calls of ``gan_zoo`` in a page's code blocks: command and arguments."""
    for line in shell_lines(path):
        words = shlex.split(line, comments=True)
        if words[:3] == ["python", "-m", "gan_zoo.run"]:
            yield "train", words[3:]
        elif words[:1] == ["gan_zoo"]:
            yield words[1], words[2:]


@functools.cache
def flags_of(command, package="gan_zoo.commands"):
    """The names of a command's flags, and of their negations; imports no TensorFlow."""
    values = flags.FlagValues()
    importlib.import_module(f"{package}.{command}").define_flags(values)
    names = {"help", "verbose"}
    for name in values:
        names |= {name, f"no{name}"} if values[name].boolean else {name}
    return names | ({"list"} if command == "train" else set())


def unknown_words(path):
    """What a page's commands name that does not exist."""
    for command, words in calls(path):
        if command in ("--help", "--version", "COMMAND"):
            continue
        if command not in commands.COMMANDS:
            yield f"gan_zoo {command}"
            continue
        known = flags_of(command)
        for word in words:
            if word == "--":  # of launch: what follows goes to train
                known = flags_of("train")
            for name in re.findall(r"(?:^|\s)--?([a-z]\w*)", word):
                if name not in known:
                    yield f"gan_zoo {command} --{name}"


@pytest.mark.parametrize("path", CURRENT, ids=page_id)
def test_commands_and_flags_exist(path):
    assert not list(unknown_words(path))


def test_an_unknown_command_or_flag_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```\ngan_zoo trian --gen=dcgan\ngan_zoo sample runs/a --nn=3 \\\n    --noema  # --no\n"
        "gan_zoo launch --workers=2 -- --stepps=3\n"
        "gan_zoo compare 'a:' 'b: --emma=1'\npython -m gan_zoo.run --genn=dcgan\n```\n"
    )
    assert list(unknown_words(page)) == [
        "gan_zoo trian",
        "gan_zoo sample --nn",
        "gan_zoo launch --stepps",
        "gan_zoo compare --emma",
        "gan_zoo train --genn",
    ]


@pytest.mark.parametrize("path", CURRENT, ids=page_id)
def test_presets_exist(path):
    text = path.read_text(encoding="utf-8")
    names = {n for n in re.findall(r"--config=([\w./]+)", text) if n not in ("FILE", "NAME")}
    assert {n for n in names if not n.endswith(".py")} <= set(preset_names())


@pytest.mark.parametrize("path", CURRENT, ids=page_id)
def test_flags_in_sentences_exist(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    inline = " ".join(re.findall(r"`([^`]+)`", text))
    known = set().union(*map(flags_of, commands.COMMANDS))
    known |= flags_of("bench", "tools") | flags_of("gpu_session", "tools")
    found = set(re.findall(r"(?<![\w-])--([a-z]\w*)(?![\w-])", inline))
    assert found <= known | OF_OTHER_PROGRAMS


SPEC = "gen|disc|loss|tricks|condition|update|noise|gen_opt|disc_opt|data|extractor"


@pytest.mark.parametrize("path", [p for p in CURRENT if p.name != "write-a-part.md"], ids=page_id)
def test_parts_in_flags_exist_and_take_their_arguments(path):
    text = path.read_text(encoding="utf-8")
    for name, quoted, bare in re.findall(rf"--({SPEC})=(?:'([^']+)'|([^\s`',;:]+))", text):
        Config(**{name: quoted or bare})  # UserError: an unknown part or a wrong argument


@pytest.mark.parametrize("path", CURRENT, ids=page_id)
def test_python_blocks_use_the_public_names(path):
    for code in fenced(path.read_text(encoding="utf-8"), "python"):
        names = {
            n.attr
            for n in ast.walk(ast.parse(code))
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
            if n.value.id == "gan_zoo"
        }
        assert names <= set(gan_zoo.__all__)


def test_the_table_of_presets_is_up_to_date():
    page = preset_table.PAGE.read_text(encoding="utf-8")
    assert preset_table.with_table(page) == page, "run python tools/preset_table.py"


def test_the_tables_of_contracts_are_up_to_date():
    page = contract_tables.PAGE.read_text(encoding="utf-8")
    assert contract_tables.page() == page, "run python tools/contract_tables.py"


def test_the_reference_names_all_commands_and_parts():
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    entries = [entry for table in tables.values() for entry in table.entries().values()]
    # Without the parts of plugin files that another test added.
    parts = {entry.name for entry in entries if entry.module.startswith("gan_zoo.")} - {"keras"}
    assert len(parts) > 60
    assert not {name for name in parts if f"`{name}`" not in text}
    assert not {name for name in commands.COMMANDS if f"`gan_zoo {name}`" not in text}


def test_the_page_on_architecture_has_the_layers_of_imports():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    table = text[text.index("| layer | modules |") :].split("\n\n")[0]
    rows = re.findall(r"^\| [^|]+ \| (`.*`) \|$", table, re.M)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == LAYERS


def test_the_files_that_architecture_names_exist():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`([\w/]+(?:\.py|/))`", text))
    files = {f"/{page_id(p)}" for home in ("gan_zoo", "tests") for p in (ROOT / home).rglob("*.py")}
    files |= {f"{Path(file).parent}/" for file in files} | {"/tests/", "/tools/", "/experiments/"}
    assert not {n for n in names if not any(f.endswith(f"/{n}") for f in files | {"/docs/"})}


def test_troubleshooting_names_what_may_change_on_resume():
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    listed = text[text.index("These settings may change") :].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == set(RESUMABLE)


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
