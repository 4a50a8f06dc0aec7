"""The access proof as a matrix: rows are tables, columns are roles and kinds of subject, letters are commands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pg_deploy.ledger.kinds.access import AccessFound, CellOutcome, KeptDifference

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
_ORDER = (CellOutcome.PROVED, CellOutcome.EQUAL, CellOutcome.DIFFERENT)
EVERYBODY = "everybody"
# A difference names all roles by one of these: for rows that are gone, and for what is granted to PUBLIC.
ALL_ROLES = ("every role", "public")


@dataclass(frozen=True)
class Mark:
    """One command for one kind of subject on one table."""

    command: str
    outcome: CellOutcome | None
    """None if nobody was asked."""

    @property
    def verdict(self) -> str:
        """In a word, for a style."""
        return self.outcome or "not asked"

    @property
    def is_different(self) -> bool:
        """Whether it has a cross."""
        return self.outcome == CellOutcome.DIFFERENT

    @property
    def words(self) -> str:
        """The mark in words, for a reader who does not see its colour."""
        return f"{self.command}: {self._outcome_in_words}"

    @property
    def _outcome_in_words(self) -> str:
        match self.outcome:
            case CellOutcome.PROVED:
                return "the same"
            case CellOutcome.EQUAL:
                return "no difference found, not proved"
            case CellOutcome.DIFFERENT:
                return "different"
            case None:
                return "not asked"

    @property
    def letter(self) -> str:
        """Its command in a text: plain the same, in brackets no difference found, bold with a cross different."""
        initial = self.command[0].upper()
        match self.outcome:
            case CellOutcome.PROVED:
                return initial
            case CellOutcome.EQUAL:
                return f"({initial})"
            case CellOutcome.DIFFERENT:
                return f"**{initial}✗**"
            case None:
                return "–"


@dataclass(frozen=True)
class MatrixRow:
    """One table, with a tuple of marks for each column."""

    table: str
    cells: tuple[tuple[Mark, ...], ...]

    @property
    def differs(self) -> bool:
        """Whether anything on this table is different."""
        return any(mark.is_different for cell in self.cells for mark in cell)


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


def make_matrix(access: AccessFound) -> Matrix | None:
    """The matrix of an access evidence; None if no rows were compared and nothing differs. Pure."""
    outcomes: _Outcomes = {}
    columns = list(access.kinds)
    if not access.cells and not access.differences:
        return None
    for role in _roles_without_column(access, columns):
        columns.append((role, EVERYBODY))
    columns.sort(key=lambda column: column[0])
    for cell in access.cells:
        command = _OF_PHASE.get(cell.phase, cell.phase)
        for column in columns:
            if column[0] == cell.role:
                only_others = cell.verdict == CellOutcome.DIFFERENT and cell.kinds and column[1] not in cell.kinds
                outcome = CellOutcome.PROVED if only_others else cell.verdict
                _keep_worse(outcomes, (*column, cell.table, command), outcome)
    for difference in access.differences:
        _mark_difference(outcomes, columns, difference)
    tables = sorted({key[2] for key in outcomes})
    rows = tuple(
        MatrixRow(
            table,
            tuple(
                tuple(Mark(command, outcomes.get((*column, table, command))) for command in COMMANDS)
                for column in columns
            ),
        )
        for table in tables
    )
    return Matrix(tuple(columns), tuple(sorted(rows, key=lambda row: (not row.differs, row.table))))


_Outcomes = dict[tuple[str, str, str, str], CellOutcome]
"""By role, kind of subject, table and command."""


def _roles_without_column(access: AccessFound, columns: Iterable[tuple[str, str]]) -> list[str]:
    """The roles that have no column yet."""
    known = {role for role, _ in columns}
    named = {cell.role for cell in access.cells} | {role for each in access.differences for role in each.roles}
    return sorted(named - known - set(ALL_ROLES))


def _mark_difference(outcomes: _Outcomes, columns: list[tuple[str, str]], difference: KeptDifference) -> None:
    table = difference.object
    commands = {_OF_PHASE[command] for command in difference.commands if command in _OF_PHASE} or set(COMMANDS)
    everybody = any(role in ALL_ROLES for role in difference.roles)
    # If the row sets show already which kinds of subject differ, the difference adds nothing to them.
    marked = {
        role
        for role, kind in columns
        if any(outcomes.get((role, kind, table, command)) == CellOutcome.DIFFERENT for command in commands)
    }
    for column in columns:
        if everybody or (column[0] in difference.roles and column[0] not in marked):
            for command in commands:
                _keep_worse(outcomes, (*column, table, command), CellOutcome.DIFFERENT)


def _keep_worse(outcomes: _Outcomes, key: tuple[str, str, str, str], outcome: CellOutcome) -> None:
    kept = outcomes.get(key)
    if kept is None or _ORDER.index(outcome) > _ORDER.index(kept):
        outcomes[key] = outcome
