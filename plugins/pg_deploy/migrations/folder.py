"""Where the migrations are, and a stamp of the folder's path and contents.

A DAG file calls this while it is parsed. So it reads names and bytes only: nothing here opens a connection or raises.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pg_deploy.configuration.own_files import default_migrations
from pg_deploy.migrations.names import looks_like_sql

# People read the stamp in the trigger form, which would cut off a longer one. Each migration's own hash is kept whole.
_DIGITS = 16


def migrations_dir() -> Path:
    """The folder of migrations in force.

    The file at PG_DEPLOY_MIGRATIONS_POINTER names it, else MIGRATIONS_DIR, else it is the project's own, else `migrations` in
    AIRFLOW_HOME. The pointer is a file because a running Airflow keeps the environment that it was started with.
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
    return Path(configured) if configured else default_migrations()


def sql_names(directory: Path) -> tuple[str, ...]:
    """The names of all files directly in `directory` that are meant as SQL, even links that lead nowhere. Never raises."""
    try:
        return tuple(sorted(entry.name for entry in os.scandir(directory) if _is_sql(entry)))
    except OSError:
        return ()


def stems(directory: Path) -> tuple[str, ...]:
    """The stems of the files named `.sql`, sorted; empty if the folder cannot be read. Never raises."""
    return tuple(sorted(name[:-4] for name in sql_names(directory) if name.endswith(".sql")))


def stamp(directory: Path, label: str | None = None) -> str:
    """`<path>@sha256:<16 hex digits>` over the names and bytes of all migrations and companions in `directory`. Never raises.

    The contents count, not the times of change: workers have copies of the folder, and the same names may hold other SQL.
    `label` stands for the path if the folder has another one in each process, as in a checkout of a DAG bundle.
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
    return f"{label or directory}@sha256:{digest.hexdigest()[:_DIGITS]}"


def _is_sql(entry: os.DirEntry[str]) -> bool:
    return looks_like_sql(entry.name) and not entry.is_dir()


def _files(directory: Path) -> list[Path]:
    """Every file of the migrations and companions, in a fixed order. Hidden files and those of editors are left out."""
    files: list[Path] = []
    for stem in stems(directory):
        files.append(directory / f"{stem}.sql")
        companion = directory / stem
        files += sorted(
            Path(folder) / name
            for folder, _, names in os.walk(companion)
            for name in names
            if not name.startswith(".") and not name.endswith("~")
        )
    return files
