"""The scaffold behind `make new-migration`."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml

from pg_deploy.migrations.errors import NewMigrationRefused
from pg_deploy.migrations.scaffold import main, new_migration

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=timezone.utc)


def test_a_new_migration_has_every_file_of_a_companion(tmp_path: Path) -> None:
    """Whoever adds a migration would forget the rollback or the check, and deploy unprotected."""
    written = new_migration("add_orders_index", tmp_path, NOW)
    names = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert names == [
        "20260304050607_add_orders_index.sql",
        "20260304050607_add_orders_index/access.yaml",
        "20260304050607_add_orders_index/migration.yaml",
        "20260304050607_add_orders_index/rollback.sql",
        "20260304050607_add_orders_index/verify/the_change_is_in_place.sql",
    ]
    assert sorted(written.files) == sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_the_new_check_fails_until_it_is_written(tmp_path: Path) -> None:
    """An empty check returns no rows: the unfinished migration would count as proven."""
    written = new_migration("add_orders_index", tmp_path, NOW)
    check = (written.companion / "verify" / "the_change_is_in_place.sql").read_text()
    assert "select 'write this check" in check


def test_the_new_settings_are_careful_until_somebody_decides(tmp_path: Path) -> None:
    """A scaffold of risk low would be deployed without an approval by whoever forgets to look at it."""
    written = new_migration("add_orders_index", tmp_path, NOW)
    settings = yaml.safe_load((written.companion / "migration.yaml").read_text())
    assert settings["risk"] == "high"
    assert settings["access"] == "unchanged"
    assert settings["title"] == "Add orders index"


@pytest.mark.parametrize(
    ("existing", "version"),
    [
        ("20251118000000_old.sql", "20260304050607"),
        ("20260304050607_same_second.sql", "20260304050608"),
        ("20271231235959_next_year.sql", "20280101000000"),
        ("20260399999999_no_date.sql", "20260400000000"),
    ],
)
def test_the_version_is_later_than_every_existing_one(tmp_path: Path, existing: str, version: str) -> None:
    """A version below the newest one would be refused as out of order on every target."""
    (tmp_path / existing).write_text("select 1;")
    assert new_migration("add_tag", tmp_path, NOW).migration.name == f"{version}_add_tag.sql"


def test_a_companion_without_its_migration_counts_as_an_existing_version(tmp_path: Path) -> None:
    """The new migration would take over a companion that somebody is still writing."""
    (tmp_path / "20260304050607_add_tag").mkdir()
    assert new_migration("add_tag", tmp_path, NOW).migration.name == "20260304050608_add_tag.sql"


def test_local_time_is_written_as_utc(tmp_path: Path) -> None:
    """Two engineers in two time zones would make versions in the wrong order."""
    berlin = datetime.fromisoformat("2026-03-04T06:06:07+01:00")
    assert new_migration("add_tag", tmp_path, berlin).migration.name == "20260304050607_add_tag.sql"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Add",
        "add-tag",
        "add tag",
        "1add",
        "add__tag",
        "_add",
        "add_",
        "../add",
        "add/tag",
        "añadir",
        "add_tag\n",
        "a" * 201,
    ],
)
def test_a_name_that_is_not_snake_case_is_refused_and_writes_nothing(tmp_path: Path, name: str) -> None:
    """The Supabase CLI and the DAG would read another name, or the file would land in another folder."""
    with pytest.raises(NewMigrationRefused, match="add_orders_index"):
        new_migration(name, tmp_path / "folder", NOW)
    assert list(tmp_path.iterdir()) == []


def test_the_lack_of_a_later_version_is_explained(tmp_path: Path) -> None:
    """A version of 15 digits would sort before all others as text."""
    (tmp_path / "99999999999999_end.sql").write_text("select 1;")
    with pytest.raises(NewMigrationRefused, match="99999999999999"):
        new_migration("add_tag", tmp_path, NOW)


def test_the_command_prints_what_it_wrote_and_the_default_is_the_folder_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With MIGRATIONS_DIR set, the file would be written to a folder that is not deployed."""
    monkeypatch.delenv("PG_DEPLOY_MIGRATIONS_POINTER", raising=False)
    monkeypatch.setenv("MIGRATIONS_DIR", str(tmp_path))
    assert main(["add_tag"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5
    assert re.fullmatch(r"[0-9]{14}_add_tag\.sql", Path(printed[0]).name)
    assert Path(printed[0]).parent == tmp_path


def test_the_command_refuses_with_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A traceback for a typing mistake makes people write files by hand."""
    assert main(["Bad Name", "--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith('"Bad Name" is not a migration\'s name: ')


def test_a_folder_that_cannot_be_made_is_refused_with_one_sentence(tmp_path: Path) -> None:
    """As above, where a file stands in the way of the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(NewMigrationRefused, match="could not be written"):
        new_migration("add_tag", tmp_path / "file", NOW)
