"""What the books name exists."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import metadata

import pytest

from pg_deploy.migrations.folder import stems
from pg_deploy.migrations.project_criteria import read_criteria
from tests.docs.reading import BOOKS, CHECKOUT, Block, blocks

TARGETS = frozenset(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
MAP = CHECKOUT / "docs" / "guide-map.md"
# The lines of the guide that a person had to tick.
GUIDES_CHECKLISTS = [
    *range(18, 23),
    *range(138, 141),
    *range(168, 171),
    *range(221, 226),
    *range(266, 271),
    *range(419, 431),
]


# Targets that no block runs: tests/docs/test_commands.py begins with two of them; the others run the tests or serve them.
RUN_OTHERWISE = frozenset(
    {
        "reset",
        "help",
        "count",
        "quick",
        "lint",
        "acceptance",
        "faults",
        "bench",
        "assets",
        "screenshots",
        "undo-cases",
        "access-cases",
        "mutants",
    }
)
_COMMAND = re.compile(r"^(?:    )? *(?:make|psql|docker|docker-compose|createdb|pg_restore|cp|airflow) ", re.MULTILINE)


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.name)
def test_a_block_of_commands_is_what_a_shell_reads(block: Block) -> None:
    """A command that cannot be pasted is worse than none."""
    checked = subprocess.run(["sh", "-n"], input=block.text, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    for path in re.findall(r"(?<![\w/.])((?:sql|docs|launch|plugins|dags)/[\w./-]+)", block.text):
        assert (CHECKOUT / path).exists(), path


def test_a_block_that_is_not_run_names_a_test_that_does_the_like() -> None:
    """What nobody runs stops working unseen."""
    for block in blocks():
        if block.reason and "hosted project" not in block.reason and "production shape" not in block.reason:
            named = re.findall(r"tests/[\w/]+\.py", block.reason)
            settings = all(re.match(r"[A-Z_]+=", command) for command in block.commands)
            assert settings or (named and all((CHECKOUT / path).exists() for path in named)), block.name


def test_no_command_stands_outside_a_block_that_the_tests_see() -> None:
    """A fence that does not say sh, or an indented line, would never be run."""
    for book in BOOKS:
        rest = re.sub(
            r"^ *```\w*\n.*?^ *```$", _unless_run, book.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        assert [line for line in rest.splitlines() if _COMMAND.match(line)] == [], book.name


def _unless_run(fence: re.Match[str]) -> str:
    return "" if fence[0].lstrip().startswith("```sh") else fence[0]


def test_every_make_target_that_a_book_names_is_run() -> None:
    """If no test runs a target, a reader is the first to try it."""
    run = {
        name
        for block in blocks()
        for command in block.commands
        for name in re.findall(r"\bmake (?:-s )?([a-z-]+)", command)
    }
    assert {name for _, name in _named_targets()} - run - RUN_OTHERWISE == set()


def test_every_make_target_that_a_book_names_exists() -> None:
    """People type what they read."""
    assert {f"{book}: make {name}" for book, name in _named_targets() if name not in TARGETS} == set()


def _named_targets() -> Iterator[tuple[str, str]]:
    """Each book with each make target that it names."""
    for book in BOOKS:
        text = book.read_text(encoding="utf-8")
        for name in re.findall(r"(?:^|`)\s*make (?:-s )?([a-z][a-z-]+)", text, flags=re.MULTILINE):
            yield book.name, name


def test_every_link_and_every_decision_leads_somewhere() -> None:
    """A dead link at night costs the one who follows it."""
    dead = []
    for book in BOOKS:
        text = book.read_text(encoding="utf-8")
        for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text):
            if not (book.parent / link).exists():
                dead.append(f"{book.name}: {link}")
        for number in re.findall(r"decisions/(\d{4})", text):
            if not list((CHECKOUT / "docs" / "decisions").glob(f"{number}-*.md")):
                dead.append(f"{book.name}: decision {number}")
    assert dead == []


def test_no_two_decisions_have_one_number() -> None:
    """What is quoted by its number must be one."""
    numbers = [path.name[:4] for path in (CHECKOUT / "docs" / "decisions").glob("[0-9]*.md")]
    assert len(numbers) == len(set(numbers))


def test_the_index_of_decisions_names_each_once_by_its_title() -> None:
    """Whoever looks for a reason looks there."""
    folder = CHECKOUT / "docs" / "decisions"
    named = re.findall(
        r"^- \[(\d{4})\]\((\S+)\) (.+)$", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    titles = {}
    for path in folder.glob("[0-9]*.md"):
        number = path.name[:4]
        titles[number, path.name] = path.read_text(encoding="utf-8").splitlines()[0].removeprefix(f"# {number}: ")
    assert sorted(named) == sorted((*key, title) for key, title in titles.items())


def test_every_line_of_the_guide_has_a_place_that_a_test_holds_or_says_why_it_is_outside() -> None:
    """The table promises that the whole manual procedure is replaced, and not only most of it."""
    tests = Counter(
        name
        for path in (CHECKOUT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    checks = {path.stem for path in (CHECKOUT / "sql" / "migrations").glob("*/*/*.sql")}
    lines: list[int] = []
    items: list[int] = []
    for first, last, text, place, held in _rows_of_the_map():
        lines += range(first, last + 1)
        items += [first] if text.startswith("☐ ") else []
        assert tests[held.strip("`")] == 1 or re.fullmatch(r"outside: .+", held), held
        for path in re.findall(r"`((?:sql|plugins|dags|docs)/[\w./]+)`", place):
            assert (CHECKOUT / path).exists(), path
        for kind, names in re.findall(r"(checks?|benchmarks?) ((?:`[\w*]+`(?:, )?)+)", place):
            for name in re.findall(r"[\w*]+", names):
                assert fnmatch.filter(checks, name), f"{kind} {name}"
    assert lines == list(range(1, 481))
    assert items == GUIDES_CHECKLISTS


def test_the_guides_success_criteria_are_those_that_the_report_prints() -> None:
    """The guide calls a deployment successful only if all of them hold."""
    stated = read_criteria(
        CHECKOUT / "sql" / "migrations", [path[:14] for path in stems(CHECKOUT / "sql" / "migrations")]
    )
    assert stated is not None
    printed = [(each.text, each.judged_by) for each in stated.criteria]
    rows = [row for row in _rows_of_the_map() if 419 <= row[0] <= 431]
    assert [(text.removeprefix("☐ "), re.findall(r"\w+", place)[0]) for _, _, text, place, _ in rows] == printed


def _rows_of_the_map() -> list[tuple[int, int, str, str, str]]:
    """First and last line of the guide, what they say, where it lives here, and what holds it."""
    found = []
    for row in MAP.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\| (\d+)(?:-(\d+))? \| (.+) \| (.+) \| (.+) \|", row):
            first, last, *rest = match.groups()
            found.append((int(first), int(last or first), rest[0], rest[1], rest[2]))
    return found


def test_the_licence_is_the_one_of_airflow() -> None:
    """A company that allows Airflow allows what it loads."""
    assert (CHECKOUT / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")
    assert 'license = "Apache-2.0"' in (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")


def test_nothing_that_we_import_asks_for_the_gpl() -> None:
    """What is distributed together with a GPL package cannot be under Apache-2.0. (LGPL, as psycopg, asks that of itself only.)"""
    metadata_of_the_package = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    wanted = metadata_of_the_package.partition("\ndependencies = [\n")[2].partition("\n]")[0]
    named = re.findall(r'^    "([\w-]+)', wanted, re.MULTILINE)
    assert {"postgast", "psycopg", "apache-airflow"} <= set(named)
    for name in named:
        told = metadata(name)
        said = " ".join(
            line[:80] for key in ("Classifier", "License-Expression", "License") for line in told.get_all(key) or []
        )
        assert not re.search(r"(?<!L)GPL|(?<!Lesser )General Public", said), name
