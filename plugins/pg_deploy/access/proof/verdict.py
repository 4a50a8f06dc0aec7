"""The verdict on each cell: proved only if both engines agree, on each side, that nothing differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pg_deploy.access.engines.compared_sides import Side
from pg_deploy.access.engines.engine_by_impersonation import Answer, Cell
from pg_deploy.access.engines.measure import Measured, same_meaning
from pg_deploy.access.facts.api import Api
from pg_deploy.access.predicates.purity import is_untrustworthy, is_whole_claims
from pg_deploy.access.predicates.subjects import Subject, is_malformed, lacks_setting
from pg_deploy.access.predicates.surroundings import unsteady_reason
from pg_deploy.access.proof.drilldown import Suspect
from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.printer import printed
from pg_deploy.ledger.kinds.access import CellOutcome
from pg_deploy.parsing.expressions import only_value, operands, parse_predicate, replaced


@dataclass
class _Unsteady:
    """The conditions of cells that answer otherwise at another time, by chance or on another connection; each is read once."""

    _found: dict[object, frozenset[str]] = field(default_factory=dict)

    def of(self, one: Measured, cell: Cell) -> frozenset[str]:
        effective = one.real_engine.effective[cell]
        key = (one.side.name, effective)
        if key not in self._found:
            parts = [part for clause in (*effective.permissive, *effective.restrictive) for part in _conditions(clause)]
            self._found[key] = frozenset().union(*map(one.side.definitions.unsteady, parts))
        return self._found[key]


def _conditions(clause: str) -> list[str]:
    """What a clause connects by AND and OR; `(select x)` counts as x."""
    waiting = [replaced(parse_predicate(clause), lambda node: _value_of(node) or node)]
    found = []
    while waiting:
        node = waiting.pop()
        parts = operands(node, enums.BoolExprType.AND_EXPR) or operands(node, enums.BoolExprType.OR_EXPR)
        waiting.extend(parts)
        if not parts:
            found.append(printed(node))
    return found


def _value_of(node: ast.Node) -> ast.Node | None:
    is_value = isinstance(node, ast.SubLink) and node.subLinkType == enums.SubLinkType.EXPR_SUBLINK
    return only_value(node.subselect) if is_value and isinstance(node, ast.SubLink) else None


@dataclass(frozen=True)
class CellVerdict:
    """What is known of a cell, and `labels` say why it is not proved; `kinds` are the kinds of subjects that differ."""

    cell: Cell
    verdict: CellOutcome
    labels: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge(
    old: Measured, new: Measured, api: Api, subjects: tuple[Subject, ...]
) -> tuple[tuple[CellVerdict, ...], tuple[Suspect, ...]]:
    """The verdict on every cell, and the differing ones with their subjects."""
    names = {subject.sid: subject for subject in subjects}
    roles = _sids_by_role(subjects)
    verdicts = []
    suspects = []
    seen: dict[object, set[int]] = {}
    unsteady = _Unsteady()

    def differing(one: Mapping[int, Answer] | None, other: Mapping[int, Answer] | None) -> set[int]:
        if one is None or other is None or one is other:
            return set()
        key = (id(one), id(other))
        if key not in seen:
            seen[key] = {
                sid
                for sid in one.keys() & other.keys()
                if not _same(*(_got(names[sid], answer) for answer in (one[sid], other[sid])))
                and not _is_malformed(names[sid], one[sid], other[sid])
            }
        return seen[key]

    for cell in sorted(old.real_engine.cells.keys() & new.real_engine.cells.keys()):
        real = differing(old.real_answers[cell], new.real_answers[cell])
        symbolic = differing(old.symbolic_answers.get(cell), new.symbolic_answers.get(cell))
        own = {one.side.name: differing(one.real_answers[cell], one.symbolic_answers.get(cell)) for one in (old, new)}
        labels = [*_labels(old, new, cell, api, roles[cell.role], unsteady), *_unread(old, new, cell, names)]
        labels += [
            f"the two engines disagree about {len(sids)} subjects ({cell.phase}, {cell.role}) on the {side} side, such as"
            f" {names[min(sids)].label}"
            for side, sids in own.items()
            if sids
        ]
        different = real | symbolic
        for direction in (2, 1, -1, 0):
            sids = tuple(sorted(sid for sid in different if _direction(old, new, cell, sid) == direction))
            if sids:
                suspects.append(Suspect(cell, sids))
        verdict = CellOutcome.DIFFERENT if different else CellOutcome.EQUAL if labels else CellOutcome.PROVED
        kinds = tuple(sorted({names[sid].kind for sid in different}))
        verdicts.append(CellVerdict(cell, verdict, tuple(labels), kinds, _notes(old, new, cell)))
    return tuple(verdicts), tuple(suspects)


def _is_malformed(subject: Subject, one: Answer, other: Answer) -> bool:
    """Whether one of the two only fails because the session was made up; if both fail alike, what else they allow is compared."""
    return _state(one) != _state(other) and any(
        is_malformed(subject, answer.error) for answer in (one, other) if answer.error
    )


def _got(subject: Subject, answer: Answer) -> Answer:
    return Answer(0, 0, 0) if lacks_setting(subject, answer.error) else answer


def _same(one: Answer, other: Answer) -> bool:
    """An error is an outcome; its wording is not."""
    return _state(one) == _state(other) and one[:3] == other[:3]


def _state(answer: Answer) -> str:
    return (answer.error or "")[:5]


def _unread(old: Measured, new: Measured, cell: Cell, names: Mapping[int, Subject]) -> list[str]:
    """What errors hid on both sides from somebody whom nobody made up."""
    before, after = old.real_answers[cell], new.real_answers[cell]
    for sid in sorted(before.keys() & after.keys()):
        error = after[sid].error
        if error and (before[sid].unread or after[sid].unread) and not is_malformed(names[sid], error):
            return [f"an error hides what {names[sid].label} gets of other rows ({cell.phase}): {error}"]
    return []


def _direction(old: Measured, new: Measured, cell: Cell, sid: int) -> int:
    """1 for more rows, -1 for fewer, 0 for others or an error, 2 for no error any more."""
    before = old.real_answers[cell].get(sid) or old.symbolic_answers.get(cell, {}).get(sid)
    after = new.real_answers[cell].get(sid) or new.symbolic_answers.get(cell, {}).get(sid)
    if before is None or after is None or after.error:
        return 0
    if before.error:
        return 2
    return (after.allowed > before.allowed) - (after.allowed < before.allowed)


def _labels(old: Measured, new: Measured, cell: Cell, api: Api, sids: frozenset[int], unsteady: _Unsteady) -> list[str]:
    labels = []
    for one in (old, new):
        if cell in one.refused and is_untrustworthy(one.refused[cell]):
            labels.append(f"its policies {one.when} cannot be asked twice with one answer: {one.refused[cell]}")
        if not sids <= one.asked:
            labels.append(f"only {len(sids & one.asked)} of {len(sids)} subjects of {cell.role} were asked in time")
    before, after = old.symbolic_engine.compiled[cell], new.symbolic_engine.compiled[cell]
    if same_meaning(old, new, cell):
        return labels
    if differing := unsteady.of(old, cell) ^ unsteady.of(new, cell):
        labels.append(f"its policies differ: {unsteady_reason(differing)}")
    labels += [
        f'column "{name}" has type {kind}: only values that occur were asked, and constants as they are'
        for name, kind in sorted(_unwitnessed(old.side, cell.table) | _unwitnessed(new.side, cell.table))
    ]
    for attribute in sorted(before.attributes | after.attributes, key=lambda found: found.text):
        if attribute.reads_clock and not differing:
            labels.append(f"`{attribute.text}` depends on the time: it was asked for this instant only")
        if attribute.text not in api.user_expressions and is_whole_claims(attribute.text):
            labels.append(f"`{attribute.text}` reads the claims as a whole: it was asked with a few only")
    return labels


def _unwitnessed(side: Side, table: str) -> set[tuple[str, str]]:
    """Columns that policies read and of which nobody makes values, with their types."""
    read = side.referenced(table)
    return {
        (name, column.type) for name, column in side.columns[table].items() if name in read and not column.witnessed
    }


def _notes(old: Measured, new: Measured, cell: Cell) -> tuple[str, ...]:
    """Where only one engine answered, every subject though: said, and no reason to doubt."""
    reasons = dict.fromkeys(one.refused[cell] for one in (old, new) if cell in one.refused)
    return tuple(
        f'"{cell.table}": one engine asked everybody, the other cannot read its policies: {reason}'
        for reason in reasons
        if not is_untrustworthy(reason)
    )


def _sids_by_role(subjects: tuple[Subject, ...]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for subject in subjects:
        found.setdefault(subject.role, set()).add(subject.sid)
    return {role: frozenset(sids) for role, sids in found.items()}
