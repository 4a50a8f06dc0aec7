"""A rollback for a migration that brings none: from the catalog facts before and after it, the SQL that leads back.

Pure: facts in, text out. What it cannot bring back it names, and data that it would remove it names too. It counts only once
a rehearsal has run it and found the facts equal; until then it is "unproven".
"""

from __future__ import annotations

from dataclasses import dataclass

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.reader import Facts
from pg_deploy.inverse.alters import REPLACEABLE, add_changed, must_be_replaced
from pg_deploy.inverse.cluster import add_cluster
from pg_deploy.inverse.comments import add_comments
from pg_deploy.inverse.creates import add_creates
from pg_deploy.inverse.cron import add_cron
from pg_deploy.inverse.drops import add_drops
from pg_deploy.inverse.grants import add_default_grants, add_grants
from pg_deploy.inverse.model import Draft, Key, Loss, Phase, Refusal
from pg_deploy.inverse.order import dependents, depends_on
from pg_deploy.inverse.renames import read_renames, undo_names
from pg_deploy.inverse.rows import add_row_refusals

_APART = frozenset(
    {"comment", "grant", "default grant", "cron job", "security label", "unreadable", "publication schema"}
)


@dataclass(frozen=True)
class GeneratedRollback:
    """`sql` leads from the facts after to those before, but for what `refusals` names. `losses` is data that it removes.

    `remarks` are sentences for whoever approves it. Empty `sql` with no refusal: the facts are equal already.
    """

    sql: str
    refusals: tuple[Refusal, ...]
    losses: tuple[Loss, ...]
    remarks: tuple[str, ...]


def generate_rollback(before: Facts, after: Facts, *, migration_sql: str = "") -> GeneratedRollback:
    """The SQL that leads from `after` back to `before`, what it cannot do, and what it would remove. Pure.

    From `migration_sql`, the text that led from `before` to `after`, it knows renames and changes of rows.
    """
    renames = read_renames(migration_sql, before.by_key, after.by_key)
    now = undo_names(after.by_key, renames)
    draft = Draft(before.by_key, now, after.server_version)
    for rename in renames:
        draft.add(Phase.RENAME, rename.back)
    difference = compare(before, Facts(frozenset(now.values()), after.server_version, after.read_at))
    differing: set[Key] = {(fact.kind, fact.identity) for fact in (*difference.added, *difference.removed)}
    differing |= {(old.kind, old.identity) for old, _ in difference.changed}
    apart = {key for key in differing if key[0] in _APART or _scope(draft, key) == "cluster"}
    draft.gone = {key for key in differing if key not in draft.before}
    draft.missing = {key for key in differing if key not in draft.after}
    draft.changed = differing - draft.gone - draft.missing - apart
    by_kind = {kind: {key for key in apart if key[0] == kind} for kind in _APART}
    add_row_refusals(draft, migration_sql)
    objects_gone, objects_missing = draft.gone - apart, draft.missing - apart
    cluster_gone, cluster_missing = draft.gone & apart, draft.missing & apart
    draft.gone, draft.missing = objects_gone, objects_missing
    _find_replaced(draft)
    add_drops(draft)
    for key in sorted(draft.changed - draft.replaced):
        add_changed(draft, key)
    add_creates(draft)
    add_grants(draft)
    add_default_grants(draft, by_kind["default grant"])
    add_comments(draft, by_kind["comment"])
    add_cron(draft, by_kind["cron job"])
    draft.gone, draft.missing = cluster_gone, cluster_missing
    add_cluster(draft, {key for key in apart if _scope(draft, key) == "cluster"} - _handled(by_kind))
    for kind in ("security label", "publication schema"):
        for key in by_kind[kind]:
            draft.refuse(key, "this kind is not written here")
    for key in by_kind["unreadable"]:
        draft.refuse(key, "it could not be read on both sides")
    return GeneratedRollback(
        _text(draft), tuple(sorted(draft.refusals)), tuple(sorted(draft.losses)), tuple(draft.remarks)
    )


def _scope(draft: Draft, key: Key) -> str:
    return (draft.before.get(key) or draft.after[key]).scope


def _handled(by_kind: dict[str, set[Key]]) -> set[Key]:
    return by_kind["grant"] | by_kind["comment"] | by_kind["security label"]


def _find_replaced(draft: Draft) -> None:
    """Objects that have to be dropped and made again: what cannot be altered, and all that depends on those."""
    draft.replaced = {key for key in draft.changed if must_be_replaced(draft, key)}
    retyped = {
        key
        for key in draft.changed
        if key[0] == "column" and draft.before[key].properties["type"] != draft.after[key].properties["type"]
    }
    while True:
        more = {
            key
            for key in dependents(draft.after, draft.replaced)
            if key in draft.before and key[0] in REPLACEABLE and key not in draft.replaced
        }
        more |= {
            key
            for key in dependents(draft.after, retyped)
            if key in draft.before and key[0] in ("view", "materialized view", "policy", "trigger", "rule")
        }
        # Altered in place before others are made, it must not need one of those.
        made = [draft.before[key] for key in draft.made]
        more |= {
            key
            for key in draft.changed
            if key[0] in REPLACEABLE and any(depends_on(draft.before[key], other) for other in made)
        }
        if more <= draft.replaced:
            return
        draft.replaced |= more


def _text(draft: Draft) -> str:
    steps = sorted(draft.steps, key=lambda step: step[0])
    if not steps:
        return ""
    lines = []
    if any(phase is not Phase.CONCURRENTLY for phase, _ in steps):
        # As pg_dump does: the definitions are qualified, and a body may name what comes later.
        lines += ["set local check_function_bodies = off;", "set local search_path = '';", ""]
    lines += [f"{statement};" for _, statement in steps]
    return "\n".join(lines) + "\n"
