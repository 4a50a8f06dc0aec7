"""The access proof as a matrix: rows are tables, columns are roles and kinds of subject, letters are commands."""

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
# A command has several phases. The worst of them decides its mark; these go from good to bad.
_ORDER = ("proved", "equal", "different")
WORDS = {
    "proved": "the same",
    "equal": "no difference found, not proved",
    "different": "different",
    "not asked": "not asked",
}
EVERYBODY = "everybody"
# A difference names all roles by one of these: for rows that are gone, and for what is granted to PUBLIC.
ALL_ROLES = ("every role", "public")


@dataclass(frozen=True)
class Mark:
    """One command for one kind of subject on one table."""

    command: str
    verdict: str

    @property
    def words(self) -> str:
        """The mark in words, for a reader who does not see its colour."""
        return f"{self.command}: {WORDS[self.verdict]}"


@dataclass(frozen=True)
class MatrixRow:
    """One table, with a tuple of marks for each column."""

    table: str
    cells: tuple[tuple[Mark, ...], ...]

    @property
    def differs(self) -> bool:
        """Whether anything on this table is different."""
        return any(mark.verdict == "different" for cell in self.cells for mark in cell)


@dataclass(frozen=True)
class Matrix:
    """The whole matrix. Each column is a role and a kind of subject."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[MatrixRow, ...]

    @property
    def roles(self) -> tuple[tuple[str, int], ...]:
        """The upper line of the head: each role, and over how many columns it goes."""
        counted: dict[str, int] = {}
        for role, _ in self.columns:
            counted[role] = counted.get(role, 0) + 1
        return tuple(counted.items())


def make_matrix(detail: Mapping[str, Any]) -> Matrix | None:
    """The matrix of the detail of an access evidence; None if no rows were compared and nothing differs. Pure."""
    verdicts: dict[tuple[str, str, str, str], str] = {}
    columns = [(str(role), str(kind)) for role, kind in detail.get("kinds", ())]
    cells = [tuple(cell) for cell in detail.get("cells", ())]
    differences = list(detail.get("differences", ()))
    if not cells and not differences:
        return None
    for role in _roles_without_column(cells, differences, columns):
        columns.append((role, EVERYBODY))
    columns.sort(key=lambda column: column[0])
    for role, table, phase, verdict, *rest in cells:
        kinds = set(rest[0]) if rest else set()
        for column in columns:
            if column[0] == role:
                this = _ORDER[0] if verdict == "different" and kinds and column[1] not in kinds else verdict
                _worse(verdicts, (*column, table, _OF_PHASE.get(phase, phase)), this)
    for difference in differences:
        _mark_difference(verdicts, columns, difference)
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


def _roles_without_column(
    cells: Iterable[tuple[Any, ...]], differences: Iterable[Mapping[str, Any]], columns: Iterable[tuple[str, str]]
) -> list[str]:
    """The roles that have no column yet."""
    known = {role for role, _ in columns}
    named = {str(cell[0]) for cell in cells} | {role for each in differences for role in _roles_of(each)}
    return sorted(named - known - set(ALL_ROLES))


def _roles_of(difference: Mapping[str, Any]) -> list[str]:
    """The roles that a difference names: one, or several with commas."""
    return str(difference["role"]).split(", ")


def _mark_difference(
    verdicts: dict[tuple[str, str, str, str], str], columns: list[tuple[str, str]], difference: Mapping[str, Any]
) -> None:
    table = str(difference["object"])
    commands = {_OF_PHASE[command] for command in difference.get("commands", ()) if command in _OF_PHASE} or set(
        COMMANDS
    )
    named = _roles_of(difference)
    everybody = any(role in ALL_ROLES for role in named)
    # If the row sets have said already which kinds of subject differ, the difference adds nothing to them.
    marked = {
        role
        for role, kind in columns
        if any(verdicts.get((role, kind, table, command)) == "different" for command in commands)
    }
    for column in columns:
        if everybody or (column[0] in named and column[0] not in marked):
            for command in commands:
                _worse(verdicts, (*column, table, command), "different")


def _worse(verdicts: dict[tuple[str, str, str, str], str], key: tuple[str, str, str, str], verdict: str) -> None:
    now = verdicts.get(key)
    if now is None or _ORDER.index(verdict) > _ORDER.index(now):
        verdicts[key] = verdict
