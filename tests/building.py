"""Folders of migrations for the tests: copies of tests/fixtures/migrations, and small ones that a test writes itself."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).resolve().parent / "fixtures"
FIXTURES = _HERE / "migrations"


def fixture(case: str, directory: Path) -> Path:
    """A copy of the fixture folder `case` in `directory`, which the test may edit."""
    return Path(shutil.copytree(FIXTURES / case, directory / case))


def foreign_project(directory: Path) -> Path:
    """The folder of migrations of a Supabase project: a copy in `directory`, with one file of many rows among them."""
    folder = Path(shutil.copytree(_HERE / "foreign_project" / "supabase" / "migrations", directory / "foreign"))
    rows = (f"""({n}, 'city ''{n}''; of some length', '{{"k": [{n}, "{{{{ x }}}}"]}}')""" for n in range(1, 1801))
    (folder / "20230228080000_large.sql").write_text(
        "create table cities (id int primary key, name text, extra jsonb);\n"
        "insert into cities (id, name, extra) values\n    " + ",\n    ".join(rows) + ";\n"
    )
    return folder


def write_migration(
    folder: Path,
    stem: str,
    sql: str,
    *,
    rollback: str | None = None,
    checks: Mapping[str, str] | None = None,
    benchmarks: Mapping[str, str] | None = None,
    manifest: str = "risk: low\n",
) -> None:
    """Write one migration with its companion; overwrites the files that are there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.sql").write_text(sql)
    companion = folder / stem
    companion.mkdir(exist_ok=True)
    (companion / "migration.yaml").write_text(manifest)
    if rollback is not None:
        (companion / "rollback.sql").write_text(rollback)
    for kind, files in (("verify", checks or {}), ("benchmarks", benchmarks or {})):
        for name, text in files.items():
            (companion / kind).mkdir(exist_ok=True)
            (companion / kind / f"{name}.sql").write_text(text)
