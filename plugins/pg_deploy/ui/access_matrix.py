"""The access proof as a matrix: a row a table, a column a role and kind of subject, a letter a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

COMMANDS = ("select", "insert", "update", "delete")
_OF_PHASE = {
    "select": "select",
    "insert": "insert",
    "update_using": "update",
    "update_check": "update",
    "produce by update": "update",
    "update": "update",
    "delete": "delete",
    "truncate": "delete",
}
# The worst of the phases that one command has decides its mark.
_ORDER = ("proved", "equal", "different")
WORDS = {
    "proved": "the same",
    "equal": "no difference found, not proved",
    "different": "different",
    "not asked": "not asked",
}
EVERYBODY = "everybody"
# How a difference names all of them: rows that are gone, and what is granted to PUBLIC.
ALL_ROLES = ("every role", "public")


@dataclass(frozen=True)
class Mark:
    """One command for one kind of subject on one table."""

    command: str
    verdict: str

    @property
    def words(self) -> str:
        """For a reader who does not see the colour."""
        return f"{self.command}: {WORDS[self.verdict]}"


@dataclass(frozen=True)
class MatrixRow:
    """One table: its marks, one tuple a column."""

    table: str
    cells: tuple[tuple[Mark, ...], ...]

    @property
    def differs(self) -> bool:
        """Whether anything on this table is different."""
        return any(mark.verdict == "different" for cell in self.cells for mark in cell)


@dataclass(frozen=True)
class Matrix:
    """Columns are (role, kind of subject); `roles` gives each role with how many columns it spans."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[MatrixRow, ...]

    @property
    def roles(self) -> tuple[tuple[str, int], ...]:
        """The upper line of the head."""
        counted: dict[str, int] = {}
        for role, _ in self.columns:
            counted[role] = counted.get(role, 0) + 1
        return tuple(counted.items())


def make_matrix(detail: Mapping[str, Any]) -> Matrix | None:
    """The matrix of an access evidence's detail; None where rows were not compared and nothing differs. Pure."""
    verdicts: dict[tuple[str, str, str, str], str] = {}
    columns = [(str(role), str(kind)) for role, kind in detail.get("kinds", ())]
    cells = [tuple(cell) for cell in detail.get("cells", ())]
    differences = list(detail.get("differences", ()))
    if not cells and not differences:
        return None
    for role in _roles(cells, differences, columns):
        columns.append((role, EVERYBODY))
    columns.sort(key=lambda column: column[0])
    for role, table, phase, verdict, *rest in cells:
        kinds = set(rest[0]) if rest else set()
        for column in columns:
            if column[0] == role:
                this = _ORDER[0] if verdict == "different" and kinds and column[1] not in kinds else verdict
                _worse(verdicts, (*column, table, _OF_PHASE.get(phase, phase)), this)
    for found in differences:
        _mark_difference(verdicts, columns, found)
    tables = sorted({key[2] for key in verdicts})
    rows = tuple(
        MatrixRow(
            table,
            tuple(
                tuple(Mark(command, verdicts.get((*column, table, command), "not asked")) for command in COMMANDS)
                for column in columns
            ),
        )
        for table in tables
    )
    return Matrix(tuple(columns), tuple(sorted(rows, key=lambda row: (not row.differs, row.table))))


def _roles(
    cells: Iterable[tuple[Any, ...]], differences: Iterable[Mapping[str, Any]], columns: Iterable[tuple[str, str]]
) -> list[str]:
    """Roles that have no column yet."""
    known = {role for role, _ in columns}
    named = {str(cell[0]) for cell in cells} | {role for found in differences for role in _roles_of(found)}
    return sorted(named - known - set(ALL_ROLES))


def _roles_of(found: Mapping[str, Any]) -> list[str]:
    """Whom a difference names: one role, or several in one sentence."""
    return str(found["role"]).split(", ")


def _mark_difference(
    verdicts: dict[tuple[str, str, str, str], str], columns: list[tuple[str, str]], found: Mapping[str, Any]
) -> None:
    table = str(found["object"])
    commands = {_OF_PHASE[command] for command in found.get("commands", ()) if command in _OF_PHASE} or set(COMMANDS)
    named = _roles_of(found)
    everybody = any(role in ALL_ROLES for role in named)
    # Where the row sets have already said which kind of subject differs, the sentence adds nothing to them.
    told = {
        role
        for role, kind in columns
        if any(verdicts.get((role, kind, table, command)) == "different" for command in commands)
    }
    for column in columns:
        if everybody or (column[0] in named and column[0] not in told):
            for command in commands:
                _worse(verdicts, (*column, table, command), "different")


def _worse(verdicts: dict[tuple[str, str, str, str], str], key: tuple[str, str, str, str], verdict: str) -> None:
    now = verdicts.get(key)
    if now is None or _ORDER.index(verdict) > _ORDER.index(now):
        verdicts[key] = verdict
