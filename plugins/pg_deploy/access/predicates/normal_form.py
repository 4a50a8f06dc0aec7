"""Positive normal form: a predicate as alternatives, each a list of tables and of conditions between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from pg_deploy.access.predicates.alternatives import ROW
from pg_deploy.access.predicates.function_bodies import Refuse
from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import nodes, qualifier, replaced, requalified, sides_of
from pg_deploy.postgres.quoting import literal, quote

MOST = 64
SUBJECT = "access_proof_subject"


@dataclass(frozen=True)
class Alternative:
    """True if rows of `tables` (alias, quoted name) exist that fulfil all `conditions`."""

    tables: tuple[tuple[str, str], ...] = ()
    conditions: tuple[ast.Node, ...] = ()

    def and_(self, other: Alternative) -> Alternative:
        """The alternative that is true if both are."""
        return Alternative(self.tables + other.tables, self.conditions + other.conditions)

    @property
    def texts(self) -> tuple[str, ...]:
        """The conditions as SQL, each once."""
        return tuple(dict.fromkeys(printed(condition) for condition in self.conditions))

    @property
    def normal_texts(self) -> tuple[str, ...]:
        """The conditions as sorted SQL, the sides of equalities sorted as well."""
        return tuple(sorted({_normal(condition) for condition in self.conditions}))

    def uses(self, alias: str) -> bool:
        """Whether any condition names a column of `alias`."""
        return any(qualifier(node) == alias for node in nodes(self.conditions))


def _normal(condition: ast.Node) -> str:
    sides = sides_of(condition)
    return " = ".join(sorted(map(printed, sides))) if sides else printed(condition)


ALWAYS = (Alternative(),)
NEVER: tuple[Alternative, ...] = ()


def product(parts: Iterable[Sequence[Alternative]]) -> tuple[Alternative, ...]:
    """The conjunction of several lists of alternatives. Raises Refuse if they become too many."""
    found: tuple[Alternative, ...] = ALWAYS
    for part in parts:
        found = tuple(left.and_(right) for left in found for right in part)
        if len(found) > MOST:
            raise Refuse("the predicate has too many alternatives")
    return found


def equal(left: ast.Node, right: ast.Node) -> ast.Node:
    """`left = right`."""
    return ast.A_Expr(kind=enums.A_Expr_Kind.AEXPR_OP, name=(ast.String(sval="="),), lexpr=left, rexpr=right)


def column(alias: str, name: str) -> ast.ColumnRef:
    """`alias.name`."""
    return ast.ColumnRef(fields=(ast.String(sval=alias), ast.String(sval=name)))


def merge_same_rows(alternative: Alternative, keys: Callable[[str], Sequence[Sequence[str]]]) -> Alternative:
    """Merge tables that are read twice: two aliases of a table that agree in a unique key are one row."""
    while (pair := _find_same_row(alternative, keys)) is not None:
        kept, gone = pair
        conditions = tuple(
            replaced(condition, partial(requalified, old=gone, new=kept)) for condition in alternative.conditions
        )
        unique = {printed(condition): condition for condition in conditions if not _trivial(condition)}
        tables = tuple(table for table in alternative.tables if table[0] != gone)
        alternative = Alternative(tables, tuple(unique.values()))
    return alternative


def _find_same_row(alternative: Alternative, keys: Callable[[str], Sequence[Sequence[str]]]) -> tuple[str, str] | None:
    """Two aliases that are one row, if any; terms that are equal have one root."""
    parent: dict[str, str] = {}

    def root(term: str) -> str:
        while parent.get(term, term) != term:
            term = parent[term]
        return term

    for condition in alternative.conditions:
        if sides := sides_of(condition):
            parent[root(printed(sides[0]))] = root(printed(sides[1]))
    for place, (alias, table) in enumerate(alternative.tables):
        for other, other_table in alternative.tables[place + 1 :]:
            if table == other_table:
                for key in keys(table):
                    if all(root(printed(column(alias, name))) == root(printed(column(other, name))) for name in key):
                        return alias, other
    return None


def _trivial(condition: ast.Node) -> bool:
    """Whether a condition is `k.id = k.id`: a key is never null, so it is true."""
    sides = sides_of(condition)
    return sides is not None and isinstance(sides[0], ast.ColumnRef) and printed(sides[0]) == printed(sides[1])


def from_clause(alternative: Alternative, universe: str | None, role: str | None) -> str:
    """`from … where …` of an alternative, over the tuples of a universe and the subjects of a role."""
    tables = [f"{name} {quote(alias)}" for alias, name in alternative.tables]
    conditions = [f"({text})" for text in alternative.texts]
    if universe:
        tables.insert(0, f"{universe} {ROW}")
    if role is not None:
        tables.insert(0, f"access_proof.s {SUBJECT}")
        conditions.append(f"{SUBJECT}.role = {literal(role)}")
    source = " from " + ", ".join(tables) if tables else ""
    return source + (" where " + " and ".join(conditions) if conditions else "")
