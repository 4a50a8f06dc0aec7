"""Write a new migration with its companion: `python -m pg_deploy.migrations.scaffold NAME [--directory DIR]`.

The new migration cannot be deployed by accident: its check fails until somebody has written it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from pg_deploy.migrations.errors import NewMigrationRefused
from pg_deploy.migrations.folder import migrations_dir

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
VERSION = re.compile(r"([0-9]+)_")
DIGITS = "%Y%m%d%H%M%S"
LAST = 10**14 - 1
# A file name holds 255 bytes on common file systems; version, underline and suffix need 19 of them.
LONGEST = 200

MIGRATION = """\
-- {title}
--
-- Write the change here. No BEGIN or COMMIT: the engine owns transactions. A statement that cannot run inside one
-- (create index concurrently, vacuum) becomes a segment of its own; statements between two of those commit together.
"""

SETTINGS = """\
title: {title}
risk: high                    # low | medium | high; medium and high wait for an approval
impact: write what the application or its users gain
expected_duration: 1 min
access: unchanged             # unchanged | changed: may anybody read or write other rows afterwards?
# A finding of the lints that is meant is allowed by name, with the reason:
# allow: [{{lint: rls_disabled_on_exposed_table, object: public.prices, why: the price list is public}}]
# What the application still sends and this may break, by object or by the statement's id, with the reason (docs/workload.md):
# breaks: [{{object: public.orders.note, why: no release since 2.3 reads it, quiet_for: 24 h}}]
"""

ACCESS = """\
# What the API's roles can reach that they could not before. Supabase gives every new table in public to anon,
# authenticated and service_role: revoke that, or declare it here with the reason.
# opened:
#   - {role: [authenticated, service_role], object: public.prices, command: [select], why: everybody may see our prices}
# With `access: changed` in migration.yaml, each difference on what existed before, in the same form:
# changed:
#   - {role: authenticated, object: public.orders, command: select, why: members read the archive as well}
"""

ROLLBACK = """\
-- Undo {stem}.sql, last statement first, also when only some of its segments were applied:
-- drop … if exists, and drop index concurrently for an index that was built concurrently.
"""

CHECK = """\
-- The name of this file is the sentence that must hold; the rows of the last statement are what is wrong.
select 'write this check: {stem}/verify/{file}' as problem;
"""

CHECK_FILE = "the_change_is_in_place.sql"


@dataclass(frozen=True)
class NewMigration:
    """The files that were written: the migration itself and its companion's."""

    migration: Path
    companion: Path
    files: tuple[Path, ...]


def new_migration(name: str, directory: Path, now: datetime) -> NewMigration:
    """Write `<version>_<name>.sql` and its companion into `directory`, which is made if it is missing.

    The version is `now` in UTC, or one second after the newest version in the folder if that is later. Nothing is ever
    overwritten. Raises NewMigrationRefused if the name is not snake case, if no version can follow the folder's last one,
    or if the folder cannot be written.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise NewMigrationRefused(
            name,
            "is not a migration's name",
            "use lower case letters, digits and single underlines, a letter first, "
            f"at most {LONGEST} characters, e.g. add_orders_index",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        stem = f"{_next_version(name, directory, now)}_{name}"
        return _write(directory, stem, name.replace("_", " ").capitalize())
    except OSError as error:
        raise NewMigrationRefused(
            name,
            f'could not be written to "{directory}" ({error.strerror})',
            "free the path or choose another --directory",
        ) from error


def _next_version(name: str, directory: Path, now: datetime) -> str:
    newest = max((int(found[1]) for entry in directory.iterdir() if (found := VERSION.match(entry.name))), default=0)
    version = int(now.astimezone(timezone.utc).strftime(DIGITS))
    if version <= newest:
        version = _one_later(newest)
    if version > LAST:
        raise NewMigrationRefused(
            name,
            f'cannot come after version {newest} in "{directory}"',
            "give that migration a version of 14 digits first",
        )
    return f"{version:014d}"


def _one_later(version: int) -> int:
    """The version a second after `version`, or the next number if `version` is no date."""
    try:
        moment = datetime.strptime(f"{version:014d}", DIGITS)
        return int((moment + timedelta(seconds=1)).strftime(DIGITS))
    except (ValueError, OverflowError):
        return version + 1


def _write(directory: Path, stem: str, title: str) -> NewMigration:
    migration, companion = directory / f"{stem}.sql", directory / stem
    content = {
        companion / "migration.yaml": SETTINGS.format(title=title),
        companion / "access.yaml": ACCESS,
        companion / "rollback.sql": ROLLBACK.format(stem=stem),
        companion / "verify" / CHECK_FILE: CHECK.format(stem=stem, file=CHECK_FILE),
    }
    companion.mkdir()
    try:
        (companion / "verify").mkdir()
        for path, text in content.items():
            path.write_text(text, encoding="utf-8")
        # This comes last: the migration must never be visible without its companion.
        with migration.open("x", encoding="utf-8") as file:
            file.write(MIGRATION.format(title=title))
    except OSError:
        shutil.rmtree(companion, ignore_errors=True)
        raise
    return NewMigration(migration, companion, (migration, *content))


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the migration that the command line names, and print its files. Returns 1, with a sentence, if it was refused."""
    parser = argparse.ArgumentParser(
        prog="python -m pg_deploy.migrations.scaffold", description="Write a new migration with its companion."
    )
    parser.add_argument("name", metavar="NAME", help="snake case, e.g. add_orders_index")
    parser.add_argument("--directory", type=Path, help="default: the folder of migrations in force")
    options = parser.parse_args(arguments)
    try:
        written = new_migration(options.name, options.directory or migrations_dir(), datetime.now(timezone.utc))
    except NewMigrationRefused as refused:
        print(refused, file=sys.stderr)
        return 1
    for path in written.files:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
