"""Folders of other tools are refused by name, and plain SQL is accepted, whoever wrote it. The folders: tests/cases/dialects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pg_deploy.errors import PgDeployError
from pg_deploy.migrations.errors import DuplicateVersionError, ForeignFileError, ForeignFolderError
from pg_deploy.migrations.migration import duplicate_version_fault, load, load_usable, scan_folder
from pg_deploy.migrations.names import order
from pg_deploy.parsing.statements import split

CASES = Path(__file__).resolve().parents[2] / "cases" / "dialects"


def named(part: str) -> list[str]:
    return sorted(path.name for path in (CASES / part).iterdir())


@pytest.mark.parametrize("tool", named("refused"))
def test_a_file_of_another_tool_is_refused_by_name(tool: str) -> None:
    """Else its rollback runs as a change, right after the change that it undoes: green, and the table is gone."""
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
def test_plain_sql_is_accepted_whoever_wrote_it(case: str) -> None:
    """Else a project cannot deploy at all if its tool writes plain SQL, or if it keeps rollbacks in comments."""
    folder = scan_folder(CASES / "taken" / case)
    assert folder.faults == ()
    loaded, faults = load_usable(folder.files)
    assert faults == ()
    assert loaded


def test_the_line_after_which_the_rollback_stands_is_named() -> None:
    """Else a person does not see what would have happened, nor where to cut."""
    (file, _) = scan_folder(CASES / "refused" / "goose").files
    _, (fault,) = load_usable((file,))
    assert 'line 1 ("-- +goose Up") is a file of goose' in str(fault)
    assert 'what follows line 3 ("-- +goose Down") is its rollback, and would be run here as a change' in str(fault)
    assert "20240101000000_a/rollback.sql" in str(fault)


def test_a_comment_that_asks_another_tool_for_something_is_named() -> None:
    """Else its author believes that it is obeyed."""
    (file,) = scan_folder(CASES / "taken" / "atlas").files
    (sentence,) = load(file).comments_for_another_tool
    assert '"-- atlas:txmode none" is meant for another tool, and nobody here obeys it' in sentence


def messages_for(tool: str) -> str:
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
        ("goose", "a statement that cannot run in a transaction runs outside of one here"),
    ],
)
def test_the_advice_is_right_if_it_is_followed_to_the_letter(tool: str, words: str) -> None:
    """A stranger followed the advice: Liquibase's rollback was lost, and Prisma's folder was refused again with the same words."""
    assert words in messages_for(tool)


def test_a_folder_of_prisma_is_accepted_once_the_advice_is_followed(tmp_path: Path) -> None:
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
def test_a_proposed_name_is_free(tmp_path: Path, name: str, taken: str) -> None:
    """Else a person who follows the advice overwrites another migration, and nothing says so."""
    for each in (name, taken):
        (tmp_path / each).write_text("select 1;\n")
    (fault,) = scan_folder(tmp_path).faults
    assert f'"{taken}" has its version already' in str(fault)
    assert f"<a free version>_{taken[3:]}" in str(fault)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select :'x';\nselect 'a: b', 1::int;\n-- :z\nselect :y;", "look at line 4 too"),
        ("select 1\ngo\nselect 2\nGO\nselect 3\n", "look at line 4 too"),
        ("select {{ a }};\nselect 1;\nselect {% b %};", "look at line 3 too"),
        ("begin;\nselect 1;\ncommit;\nbegin;\nselect 2;\ncommit;\nselect 3;", r"\(and those in lines 3, 4, 6\)"),
        (
            "savepoint a;\ndelete from t;\nrollback to savepoint a;",
            "remove with it what a rollback takes back",
        ),
        ("\\set ON_ERROR_STOP on\nselect 1;", "a switch of psql's own"),
        ("s\0e\0l\0e\0c\0t\0 \0001\0;\0", "save it as UTF-8"),
    ],
)
def test_one_run_names_all_places_of_the_same_fault(text: str, words: str) -> None:
    """Else each of them costs a run, and the second message reads like the first."""
    with pytest.raises(PgDeployError, match=words):
        split(text, file="20250101000000_x.sql")


def test_a_migration_in_code_beside_sql_is_named(tmp_path: Path) -> None:
    """Else half of a folder is deployed, and the report says that everything is."""
    (tmp_path / "20250101000000_a.sql").write_text("select 1;")
    (tmp_path / "20250102000000_add_b.js").write_text("exports.up = (knex) => knex.schema.createTable('b');")
    assert scan_folder(tmp_path).passed_over == ("20250102000000_add_b.js",)


@pytest.mark.parametrize("version", ["9999", "20240101000000", "009"])
def test_the_renames_for_a_repeated_version_keep_the_order(tmp_path: Path, version: str) -> None:
    """Else a person who follows the message runs 28 files before those that they need: "10000_" comes before "9999_"."""
    names = [f"{version}_{number:02}.sql" for number in range(13)]
    for name in ("202509281_first.sql", *names):
        (tmp_path / name).write_text("select 1;")
    (fault,) = scan_folder(tmp_path).faults
    assert isinstance(fault, DuplicateVersionError)
    before = sorted(["202509281_first.sql", *names])

    renamed = dict(re.findall(r'"(\S+)" to "(\S+)"', str(fault)))
    assert len(renamed) == len(names) - 1
    after = {name: renamed.get(name, name) for name in before}
    assert len({new.split("_")[0] for new in after.values()}) == len(before)
    in_new_order = sorted(before, key=lambda name: order(after[name].split("_")[0]))
    rest = [name for name in before if name not in names]
    assert [name in names for name in in_new_order] == [
        name in names for name in sorted(before, key=lambda n: order(n.split("_")[0]))
    ]
    assert [name for name in in_new_order if name in rest] == rest


def test_the_names_that_are_given_keep_the_order_of_the_numbers(tmp_path: Path) -> None:
    """Here files are sorted as texts: "10_c" would run before "2_b", and nobody would notice if nothing depends on it."""
    for name in ("V1__a.sql", "V2__b.sql", "V10__c.sql", "V1.1__d.sql"):
        (tmp_path / name).write_text("select 1;")
    said = " ".join(map(str, scan_folder(tmp_path).faults))
    assert all(f"rename it to {name}.sql" in said for name in ("01_a", "02_b", "10_c", "<14 digits>_d"))


def test_one_byte_that_is_no_utf8_does_not_spoil_the_others(tmp_path: Path) -> None:
    """Else the command that is proposed turns every correct umlaut into two characters."""
    (tmp_path / "20250101000000_x.sql").write_bytes("select 'Müller';\n".encode() + b"select 'M\xfcller';\n")
    (fault,) = scan_folder(tmp_path).faults
    assert "correct this one alone" in str(fault)
    assert "iconv" not in str(fault)


def test_the_file_that_the_history_means_keeps_the_shared_version() -> None:
    """Else the other counts as applied, and what it makes is never made."""
    files = ["20240112000000_trailers.sql", "20240112000000_trucks.sql"]
    said = str(duplicate_version_fault("20240112000000", files, {"20240112000000"}, applied="trucks"))
    assert 'means "20240112000000_trucks.sql"' in said
    assert 'rename, for example, "20240112000000_trailers.sql" to "20240112000001_trailers.sql"' in said


def test_a_rollback_alone_declares_nothing(tmp_path: Path) -> None:
    """A person moved another tool's rollback into rollback.sql, as told, and the plain file had to answer for lints and access."""
    (tmp_path / "20250101000000_a.sql").write_text("create table public.a (id int);")
    (tmp_path / "20250101000000_a").mkdir()
    (tmp_path / "20250101000000_a" / "rollback.sql").write_text("drop table public.a;")
    (file,) = scan_folder(tmp_path).files
    migration = load(file)
    assert (migration.has_companion, migration.manifest.access) == (False, "undeclared")
    assert migration.rollback == "drop table public.a;"


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """YAML keeps the second, and the lint that the first one allowed fails again as if nothing had been written."""
    (tmp_path / "20250101000000_a.sql").write_text("select 1;")
    (tmp_path / "20250101000000_a").mkdir()
    (tmp_path / "20250101000000_a" / "migration.yaml").write_text("risk: low\nallow: []\nallow: []\n")
    (file,) = scan_folder(tmp_path).files
    with pytest.raises(PgDeployError, match="allow stands twice"):
        load(file)
