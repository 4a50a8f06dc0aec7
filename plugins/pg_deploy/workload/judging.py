"""What a migration does to one statement: the server's answers before and after, compared. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from pg_deploy.catalog.dependencies import words_of
from pg_deploy.catalog.diff import Difference
from pg_deploy.catalog.kinds import RELATIONS
from pg_deploy.ledger.kinds.workload import Effect, RecordedStatement, WorkloadFinding
from pg_deploy.postgres.explained import plan_shape
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.workload.asking import FORBIDDEN, Answer, Refusal
from pg_deploy.workload.body_answers import GONE
from pg_deploy.workload.inserts import NewDemands

_GONE = GONE | {"42P02", "42P10"}
_NAMED = (*RELATIONS, "column", "function", "procedure", "type", "schema")
_COSTLIER = 1.5
_COSTLIER_BY_ANOTHER_PLAN = 1.1
_WIDENED = (
    ("smallint", "integer", "bigint", "numeric"),
    ("real", "double precision"),
    ("character varying", "text"),
    ("json", "jsonb"),
)
"""The server takes a parameter of one of these types if a later one of its row is wanted, whatever the driver says that it sends."""


def judge(
    statement: RecordedStatement, before: Answer, after: Answer, demands: NewDemands, changed: ChangedNames
) -> WorkloadFinding:
    """The worst that the migration does to the statement. `before` and `after` are answers to one form."""
    refusal = after.refusal
    if refusal is not None and refusal.says_nothing:
        return WorkloadFinding.about(statement, Effect.NOT_ASKABLE, f"cannot be asked: {refusal.message}")
    if before.refusal is not None:
        if before.refusal.is_forbidden or refusal is None:
            return WorkloadFinding.about(statement, Effect.AS_BEFORE, f"refused before: {before.refusal.message}")
        return WorkloadFinding.about(
            statement, Effect.NOT_ASKABLE, f"the server refuses it before the migration too: {refusal.message}"
        )
    if refusal is not None:
        return _refused(statement, after, refusal, changed)
    left_out = demands.left_out(after.form, statement.role)
    if left_out is not None:
        (schema, table), columns = left_out
        said = f"leaves out {', '.join(columns)} of {schema}.{table}, which must have a value now and has no default"
        objects = tuple(f"{schema}.{table}.{column}" for column in columns)
        return WorkloadFinding.about(statement, Effect.INSERT_REFUSED, said, objects=objects, sqlstate="23502")
    right = demands.missing_right(after.form, statement.role)
    if right is not None:
        objects = (right.object_name,)
        return WorkloadFinding.about(
            statement, Effect.FORBIDDEN, right.sentence, sqlstate=FORBIDDEN, objects=objects, remedy=right.remedy
        )
    if before.top and after.plan is not None and not after.top:
        said = "the server does nothing for it now: a rule of the table stands in its place"
        return WorkloadFinding.about(statement, Effect.BROKEN, said, objects=changed.named_in(after.form.text))
    shape = _shape(before, after, changed)
    if shape is not None:
        return WorkloadFinding.about(statement, Effect.SHAPE_CHANGED, shape, objects=changed.named_in(after.form.text))
    judged = demands.judge(after.form, statement.role) or demands.label_gone(after.parameters)
    if judged is not None:
        return WorkloadFinding.about(statement, Effect.MAY_BE_REFUSED, judged)
    return _cost(statement, before, after)


def _refused(statement: RecordedStatement, after: Answer, refusal: Refusal, changed: ChangedNames) -> WorkloadFinding:
    text = after.form.text
    line, caret = refusal.line_in(text)
    effect = Effect.FORBIDDEN if refusal.is_forbidden else Effect.BROKEN
    return WorkloadFinding.about(
        statement,
        effect,
        refusal.message,
        sqlstate=refusal.sqlstate,
        token=refusal.token_in(text),
        line=line,
        caret=caret,
        objects=changed.named_in(text, refusal.message),
        is_drop=refusal.sqlstate in _GONE,
    )


def _shape(before: Answer, after: Answer, changed: ChangedNames) -> str | None:
    # A type that moved to another schema is the same one to whoever prepared the statement.
    before = replace(
        before,
        columns=tuple((name, changed.now(kind)) for name, kind in before.columns),
        parameters=tuple(map(changed.now, before.parameters)),
    )
    if before.columns != after.columns:
        return f'{_columns(before, after)}; a prepared one fails with "cached plan must not change result type"'
    for number, (was, now) in enumerate(zip(before.parameters, after.parameters, strict=False), start=1):
        if was != now and not _is_taken_for(was, now):
            return f"${number} was {was} and is {now} now: what the driver sends as {was} may be refused"
    return None


def _columns(before: Answer, after: Answer) -> str:
    was, now = Counter(name for name, _ in before.columns), Counter(name for name, _ in after.columns)
    gone, new = list((was - now).elements()), list((now - was).elements())
    parts = [f"it returns {', '.join(new)} as well"] if new else []
    parts += [f"it no longer returns {', '.join(gone)}"] if gone else []
    old = dict(before.columns)
    pairs = (
        zip(before.columns, after.columns, strict=True)
        if was == now
        else (((name, old[name]), (name, kind)) for name, kind in after.columns if name in old)
    )
    parts += dict.fromkeys(
        f"{name} is {kind} instead of {before_kind}"
        for (before_name, before_kind), (name, kind) in pairs
        if before_name == name and before_kind != kind
    )
    return ", ".join(parts) or "it returns its columns in another order"


def _is_taken_for(was: str, now: str) -> bool:
    return any(was in row and now in row and row.index(was) < row.index(now) for row in _WIDENED)


def _cost(statement: RecordedStatement, before: Answer, after: Answer) -> WorkloadFinding:
    was, now = before.cost, after.cost
    if was is None or now is None:
        return WorkloadFinding.about(statement, Effect.AS_BEFORE, "as before")
    factor = _COSTLIER if plan_shape(before.top) == plan_shape(after.top) else _COSTLIER_BY_ANOTHER_PLAN
    if now > was * factor and now - was > 1:
        effect, said = Effect.COSTLIER, f"the planner takes it for {now / max(was, 0.01):.1f} times as costly"
    elif was > now * factor and was - now > 1:
        effect, said = Effect.CHEAPER, f"the planner takes it for {was / max(now, 0.01):.1f} times cheaper"
    else:
        return WorkloadFinding.about(statement, Effect.AS_BEFORE, "as before")
    # A plan holds the constants of policies and views.
    was_plan, now_plan = (without_secrets(each.plan or "") for each in (before, after))
    return WorkloadFinding.about(statement, effect, said, before_plan=was_plan, after_plan=now_plan)


class ChangedNames:
    """The names of what a migration removed or changed, to be found again in statements."""

    def __init__(self, found: Difference) -> None:
        new = {(each.identity.name, each.definition): str(each.identity) for each in found.added if each.kind == "type"}
        types = [(each, (each.identity.name, each.definition)) for each in found.removed if each.kind == "type"]
        self._moved = {str(each.identity): new[like] for each, like in types if like in new}
        removed = {fact.key for fact in found.removed}
        # What is gone is likelier to be the cause than what its removal changed: it comes first.
        facts = sorted(found.old_facts, key=lambda fact: (fact.key not in removed, str(fact.identity)))
        about = [fact.identity.of if fact.kind == "grant" else fact.identity for fact in facts]
        self._names = [
            (each.plain, each.plain_name.lower(), self._owner(each.plain, each.kind))
            for each in about
            if each is not None and each.kind in _NAMED
        ]

    @staticmethod
    def _owner(plain: str, kind: str) -> str | None:
        return plain.split(".")[-2].lower() if kind == "column" and plain.count(".") >= 2 else None

    def now(self, kind: str) -> str:
        """The name that a type, or an array of it, has after the migration, if all that changed is its schema."""
        base = kind.removesuffix("[]")
        return self._moved.get(base, base) + kind[len(base) :]

    def named_in(self, *texts: str) -> tuple[str, ...]:
        """Those whose name stands in the statement or in the server's answer to it; for a column, its relation's name too."""
        words = frozenset[str]().union(*(words_of(text) for text in texts))
        named = [plain for plain, name, owner in self._names if name in words and (owner is None or owner in words)]
        # If a table is named, its columns need no mention.
        return tuple(dict.fromkeys(each for each in named if each.rpartition(".")[0] not in named))


def worst_first(findings: Iterable[WorkloadFinding]) -> tuple[WorkloadFinding, ...]:
    """By effect, then by how often it is sent."""
    order = list(Effect)
    return tuple(sorted(findings, key=lambda each: (order.index(each.effect), -(each.calls_a_day or 0.0), each.id)))
