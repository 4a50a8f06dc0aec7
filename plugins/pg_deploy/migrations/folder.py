"""Where the migrations are, and a stamp that says which ones: path and contents of the folder.

Reads names and bytes only: a DAG file calls this while it is parsed, so nothing here opens a connection or raises.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pg_deploy.migrations.names import looks_like_sql
from pg_deploy.postgres.sql_files import PROJECT

# The stamp is read in the trigger form, where more would be cut off; each migration's own hash is recorded whole.
_DIGITS = 16


def migrations_dir() -> Path:
    """The folder of migrations in force: the one that PG_DEPLOY_MIGRATIONS_POINTER's file names, else MIGRATIONS_DIR's, else ours.

    The pointer is a file because a running Airflow keeps the environment that it was started with.
    """
    pointer = os.environ.get("PG_DEPLOY_MIGRATIONS_POINTER")
    if pointer:
        try:
            named = Path(pointer).read_text(encoding="utf-8").strip()
        except OSError:
            named = ""
        if named:
            return Path(named)
    configured = os.environ.get("MIGRATIONS_DIR")
    return Path(configured) if configured else PROJECT / "sql" / "migrations"


def sql_names(directory: Path) -> tuple[str, ...]:
    """The names of all files directly in `directory` that are meant as SQL, also links that lead nowhere. Never raises."""
    try:
        return tuple(sorted(entry.name for entry in os.scandir(directory) if _is_sql(entry)))
    except OSError:
        return ()


def stems(directory: Path) -> tuple[str, ...]:
    """The stems of those that are named `.sql`, sorted; empty when the folder cannot be read. Never raises."""
    return tuple(sorted(name[:-4] for name in sql_names(directory) if name.endswith(".sql")))


def stamp(directory: Path) -> str:
    """`<path>@sha256:<16 hex digits>` over the names and bytes of all migrations and companions in `directory`. Never raises.

    The contents count, not the times of change: workers hold copies of the folder, and the same names may hold other SQL.
    """
    digest = hashlib.sha256()
    for path in _files(directory):
        name = path.relative_to(directory).as_posix().encode("utf-8", "surrogateescape")
        try:
            with path.open("rb") as file:
                digest.update(b"%d:%s%d:" % (len(name), name, os.fstat(file.fileno()).st_size))
                while part := file.read(1 << 20):
                    digest.update(part)
        except OSError:
            continue
    return f"{directory}@sha256:{digest.hexdigest()[:_DIGITS]}"


def _is_sql(entry: os.DirEntry[str]) -> bool:
    return looks_like_sql(entry.name) and not entry.is_dir()


def _files(directory: Path) -> list[Path]:
    """Every file that a migration or a companion consists of, in a fixed order; hidden and editor files are left out."""
    found: list[Path] = []
    for stem in stems(directory):
        found.append(directory / f"{stem}.sql")
        companion = directory / stem
        found += sorted(
            Path(folder) / name
            for folder, _, names in os.walk(companion)
            for name in names
            if not name.startswith(".") and not name.endswith("~")
        )
    return found
