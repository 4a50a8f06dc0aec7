"""Folders of other tools: refused by name, and plain SQL taken, whoever wrote it. Each is a folder of tests/cases/dialects."""

from __future__ import annotations

from pathlib import Path

import pytest

from pg_deploy.errors import ForeignFileError, ForeignFolderError
from pg_deploy.migrations.migration import load, load_usable, scan_folder

CASES = Path(__file__).resolve().parents[1] / "cases" / "dialects"


def named(part: str) -> list[str]:
    return sorted(path.name for path in (CASES / part).iterdir())


@pytest.mark.parametrize("tool", named("refused"))
def test_a_file_of_another_tool_is_refused_by_name(tool: str) -> None:
    """Else its way back is run as a change, right after the way there: green, and the table is gone."""
    folder = scan_folder(CASES / "refused" / tool)
    _, faults = load_usable(folder.files)
    said = [fault for fault in (*folder.faults, *faults) if isinstance(fault, (ForeignFileError, ForeignFolderError))]
    assert said
    text = "\n".join(map(str, said))
    known = {
        "sqlx": "golang-migrate",
        "postgrator": "golang-migrate",
        "MyBatis": "MyBatis Migrations",
        "Play": "Play evolutions",
    }
    assert known.get(tool, tool) in text
    assert "nothing was run" in text


@pytest.mark.parametrize("case", named("taken"))
def test_plain_sql_is_taken_whoever_wrote_it(case: str) -> None:
    """Else a project whose tool writes plain SQL, or who writes the way back as a comment, cannot deploy at all."""
    folder = scan_folder(CASES / "taken" / case)
    assert folder.faults == ()
    loaded, faults = load_usable(folder.files)
    assert faults == ()
    assert loaded


def test_what_follows_the_mark_of_the_way_back_is_said_with_its_line() -> None:
    """Else a person does not see what would have happened, nor where to cut."""
    (file, _) = scan_folder(CASES / "refused" / "goose").files
    _, (fault,) = load_usable((file,))
    assert 'line 1 ("-- +goose Up") is a file of goose' in str(fault)
    assert 'what follows line 3 ("-- +goose Down") is its rollback, and would be run here as a change' in str(fault)
    assert "20240101000000_a/rollback.sql" in str(fault)


def test_a_comment_that_asks_another_tool_for_something_is_named() -> None:
    """Else its author believes that it is honoured."""
    (file,) = scan_folder(CASES / "taken" / "atlas").files
    (sentence,) = load(file).promises
    assert '"-- atlas:txmode none" is a word to another tool, which nobody here honours' in sentence


def said_of(tool: str) -> str:
    folder = scan_folder(CASES / "refused" / tool)
    _, faults = load_usable(folder.files)
    return "\n".join(map(str, (*folder.faults, *faults)))


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("Liquibase", 'line 4 ("--rollback drop table a;") says in a comment how it is rolled back'),
        ("Prisma", "move each <name>/migration.sql to <name>.sql, and remove the empty folders"),
        ("sqlx", "move it to 20240101000000_a/rollback.sql"),
        ("golang-migrate", "rename it to 000001_a.sql, and put its rollback into 000001_a/rollback.sql"),
        ("Flyway", "it is run once here, not after each change"),
        ("goose", "what cannot run in a transaction runs outside of one here"),
    ],
)
def test_what_to_do_is_right_when_it_is_done_to_the_letter(tool: str, words: str) -> None:
    """A stranger did what was said: Liquibase's rollback was lost, and Prisma's folder was refused again with the same words."""
    assert words in said_of(tool)


def test_doing_what_is_said_of_a_folder_of_prisma_has_it_taken(tmp_path: Path) -> None:
    """Else the same sentence comes again."""
    (tmp_path / "20240101000000_init").mkdir()
    inside = tmp_path / "20240101000000_init" / "migration.sql"
    inside.write_text("create table public.a (id int);\n")
    (tmp_path / "migration_lock.toml").write_text('provider = "postgresql"\n')
    assert scan_folder(tmp_path).faults
    inside.rename(tmp_path / "20240101000000_init.sql")
    inside.parent.rmdir()
    assert scan_folder(tmp_path).faults == ()


@pytest.mark.parametrize(("name", "taken"), [("01_größe.sql", "01_grosse.sql"), ("01_upper.SQL", "01_upper.sql")])
def test_a_name_that_is_proposed_is_free(tmp_path: Path, name: str, taken: str) -> None:
    """Else who renames as told writes over another migration, and nothing says so."""
    for each in (name, taken):
        (tmp_path / each).write_text("select 1;\n")
    (fault,) = scan_folder(tmp_path).faults
    assert f"rename it to {taken[:-4]}_2.sql" in str(fault)
