"""How a migration is named: as the Supabase CLI expects, with digits and a name, in the order of the file names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

from pg_deploy.migrations.errors import ManyNamesError, MigrationNameError

NAME = re.compile(r"(?P<version>\d+)_(?P<name>[A-Za-z0-9_-][A-Za-z0-9_.-]*)", re.ASCII)
_ALLOWED = re.compile(r"[A-Za-z0-9_.-]")


def order(version: str) -> str:
    """The key that versions are sorted by. The CLI sorts file names, and `_` comes after digits: 20240110_a after 20240110083000_b."""
    return f"{version}_"


def looks_like_sql(name: str) -> bool:
    """Whether a file is meant as SQL, even if its suffix is in capitals."""
    return name.lower().endswith(".sql") and not name.startswith(".")


def is_passed_over(name: str) -> bool:
    """Whether a file is neither a migration for the CLI nor meant as one: its name does not begin with a digit."""
    return not name[:1].isdecimal()


def _version(name: str) -> str:
    digits = re.match(r"(\d+)_", name, re.ASCII)
    return digits[1] if digits else ""


def _rename_to(name: str, better: str, others: Collection[str]) -> str:
    """What to do: rename the file, unless another has its version. Then a rename would overwrite that file or be refused next time."""
    version = _version(better)
    twin = next((other for other in sorted(others) if other != name and version and _version(other) == version), "")
    if not twin:
        return f"rename it to {better}.sql, which changes neither its version nor its order"
    return (
        f'and "{twin}" has its version already: if both are the same change delete one, else rename this one to '
        f"<a free version>_{better.partition('_')[2]}.sql, between the files before and after it"
    )


def refuse_bad_name(name: str, others: Collection[str] = ()) -> re.Match[str]:
    """The parts of a good name. Raises MigrationNameError for another, and proposes a name that none of `others` has."""
    stem, suffix = name[:-4], name[-4:]
    match = NAME.fullmatch(stem)
    if match is not None and suffix == ".sql":
        return match
    if suffix != ".sql":
        raise MigrationNameError(
            name, f'its suffix is "{suffix}", and only ".sql" is read; {_rename_to(name, stem, others)}'
        )
    bad = next((char for char in stem if not _ALLOWED.fullmatch(char)), None)
    if bad is not None:
        better = re.sub(r"_{2,}", "_", "".join(map(_plain, stem))).strip("_")
        raise MigrationNameError(
            name,
            f"{_described(bad)} is the trouble: a name has only letters a to z, digits, _ - and . in it (it becomes a task's "
            f"name in Airflow); {_rename_to(name, better, others)}",
        )
    if re.match(r"\d+_?$", stem):
        raise MigrationNameError(name, f"it has no name after its version: rename it to {stem.rstrip('_')}_<name>.sql")
    digits = re.match(r"\d*", stem)
    version = digits.group() if digits else ""
    if (letter := stem[len(version) :][:1]).isalpha():
        raise MigrationNameError(
            name,
            f'after the digits "{version}" comes "{letter}", and a version is digits alone: rename it to <digits>_'
            f"{stem.split('_', 1)[-1]}.sql, with a version between those of the files before and after it",
        )
    raise MigrationNameError(
        name,
        f'after the digits "{version}" an underscore must come: rename it to {version}_{stem[len(version) :].lstrip("-._")}.sql',
    )


def many_dashes(names: Sequence[str]) -> ManyNamesError | None:
    """One fault for all files with a dash after their digits, as some editors name them; None if they are fewer than four."""
    dashed = [name for name in names if re.match(r"\d+-.+\.sql$", name, re.ASCII)]
    if len(dashed) < 4:
        return None
    return ManyNamesError(
        dashed,
        "after the digits an underscore must come, and a dash is there (the Supabase CLI passes them over)",
        'for f in [0-9]*-*.sql; do mv "$f" "$(echo "$f" | sed "s/-/_/")"; done',
    )


def _plain(char: str) -> str:
    """The character as it may stand in a name: without its accents, else an underscore."""
    if _ALLOWED.fullmatch(char):
        return char
    bare = "".join(part for part in unicodedata.normalize("NFKD", char) if _ALLOWED.fullmatch(part))
    return bare or {"ß": "ss", "æ": "ae", "ø": "o"}.get(char.lower(), "_")


def _described(char: str) -> str:
    shown = f'"{char}" ' if char.isprintable() and char != " " else "a space " if char == " " else ""
    return f"{shown}(U+{ord(char):04X})"
