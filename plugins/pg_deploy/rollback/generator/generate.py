"""A rollback for a migration that brings none: from the catalog facts before and after it, the SQL that leads back.

Pure: facts in, text out. It names what it cannot bring back, and the data that it would remove. A rollback is "unproven" until
a rehearsal has run it and found the facts equal.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pg_deploy.catalog.diff import compare
from pg_deploy.catalog.kinds import PROPERTIES
from pg_deploy.catalog.names import Key, identity_of
from pg_deploy.catalog.reader import Facts
from pg_deploy.rollback.generator.alters import add_changed
from pg_deploy.rollback.generator.cluster import add_cluster
from pg_deploy.rollback.generator.comments import add_comments, add_dependencies_on_extensions
from pg_deploy.rollback.generator.creates import add_creates
from pg_deploy.rollback.generator.cron import add_cron
from pg_deploy.rollback.generator.draft import Draft, Loss, Phase, Refusal
from pg_deploy.rollback.generator.drops import add_drops
from pg_deploy.rollback.generator.enums import add_type_made_anew
from pg_deploy.rollback.generator.grants import add_default_grants, add_grants
from pg_deploy.rollback.generator.needs import needs_of
from pg_deploy.rollback.generator.publications import add_publication_schemas
from pg_deploy.rollback.generator.renames import Renaming, take_back_names
from pg_deploy.rollback.generator.replacing import find_replaced
from pg_deploy.rollback.generator.row_changes import RowsWritten, add_row_refusals, tables_named
from pg_deploy.rollback.generator.step_order import order_steps

_BY_OWN_RULES = PROPERTIES - {"setting", "membership"} | {"cron job"}
"""Kinds for which statements follow rules of their own: they are not made, altered or dropped as objects are."""


@dataclass(frozen=True)
class GeneratedRollback:
    """`sql` leads from the facts after to those before, except for what `refusals` names. `losses` is data that it removes.

    `remarks` are sentences for whoever approves it. If `sql` is empty and nothing is refused, the facts are equal already.
    """

    sql: str
    refusals: tuple[Refusal, ...]
    losses: tuple[Loss, ...]
    remarks: tuple[str, ...]


def generate_rollback(
    before: Facts,
    after: Facts,
    *,
    migration_sql: str = "",
    compared: bool = False,
    rows_written: RowsWritten | None = None,
    find_undone_later: Callable[[Facts, Facts], AbstractSet[Key]] | None = None,
) -> GeneratedRollback:
    """The SQL that leads from `after` back to `before`, what it cannot do, and what it would remove. Pure.

    Renames are known by the addresses of the facts, changes of rows from `migration_sql`, the text that led from `before` to
    `after`. With `compared`, values are compared before the answer counts, so types are changed back that may lose some.
    `rows_written` says what its transactions did to rows: a statement that met none changed nothing.
    `find_undone_later` gets both sides and returns the keys that an older migration of the same set made: nothing is done for
    them, as they are removed when that one is undone.
    """
    renaming = take_back_names(before, after)
    draft = Draft(before.by_key, renaming.facts, after.server_version, compared=compared, rows_written=rows_written)
    difference = compare(before, Facts(frozenset(renaming.facts.values()), after.server_version, after.read_at))
    undone_later = find_undone_later(before, after) if find_undone_later is not None else frozenset()
    differing = difference.keys - undone_later
    by_own_rules = {key for key in differing if key[0] in _BY_OWN_RULES or _scope(draft, key) == "cluster"}
    draft.gone = {key for key in differing if key not in draft.before}
    draft.missing = {key for key in differing if key not in draft.after}
    draft.changed = {*differing} - draft.gone - draft.missing - by_own_rules
    _add_renames(draft, renaming)
    by_kind = {kind: {key for key in by_own_rules if key[0] == kind} for kind in _BY_OWN_RULES}
    if migration_sql.strip():
        add_row_refusals(draft, migration_sql, tables_named(before, after), undone_later)
    objects_gone, objects_missing = draft.gone - by_own_rules, draft.missing - by_own_rules
    cluster_gone, cluster_missing = draft.gone & by_own_rules, draft.missing & by_own_rules
    draft.gone, draft.missing = objects_gone, objects_missing
    _read_objects(draft, before, after, renaming, undone_later)
    find_replaced(draft)
    add_drops(draft)
    for key in sorted(draft.changed - draft.replaced):
        draft.subject = key
        add_changed(draft, key)
    add_creates(draft)
    draft.subject = None
    add_grants(draft)
    add_default_grants(draft, by_kind["default grant"])
    add_comments(draft, by_kind["comment"])
    add_dependencies_on_extensions(draft, by_kind["dependency on extension"])
    add_cron(draft, by_kind["cron job"])
    add_publication_schemas(draft, by_kind["publication schema"])
    objects_gone, objects_missing = draft.gone, draft.missing
    draft.gone, draft.missing = cluster_gone, cluster_missing
    handled = ("grant", "comment", "security label")
    add_cluster(draft, {key for key in by_own_rules if _scope(draft, key) == "cluster" and key[0] not in handled})
    # The order of the steps depends on all of it.
    draft.gone, draft.missing = objects_gone | cluster_gone, objects_missing | cluster_missing
    for key in by_kind["security label"]:
        draft.refuse(key, "security labels are not written here")
    for key in by_kind["unreadable"]:
        draft.refuse(key, "it could not be read on both sides")
    return GeneratedRollback(
        _text(draft), tuple(sorted(draft.refusals)), tuple(sorted(draft.losses)), tuple(draft.remarks)
    )


def _add_renames(draft: Draft, renaming: Renaming) -> None:
    """Give the old names back; a schema that is made again is made before anything moves into it."""
    number = renaming.schema_statements
    draft.add(Phase.RENAME, *renaming.statements[:number])
    if others := renaming.statements[number:]:
        draft.early_schemas = {key for key in draft.missing if key[0] == "schema"}
        draft.add(Phase.RENAME, *(f"create schema {identity}" for _, identity in sorted(draft.early_schemas)))
        draft.add(Phase.RENAME, *others)


def _read_objects(
    draft: Draft, before: Facts, after: Facts, renaming: Renaming, undone_later: AbstractSet[Key]
) -> None:
    """Read who needs whom on both sides, and what is another object under an old name and is not undone later."""
    gone_or_changed = draft.gone | draft.changed
    draft.needs_before = needs_of(before, before.by_key, Renaming([], {}), draft.missing | draft.changed)
    draft.needs_after = needs_of(after, renaming.facts, renaming, gone_or_changed)
    if before.objects is None or after.objects is None or not before.objects.is_of(after.objects):
        return
    draft.positions = {name: (value, called) for name, value, called in before.objects.positions}
    was = before.objects.addresses
    for key, address in after.objects.addresses.items():
        then = renaming.key(key)
        is_another = then in was and was[then] != address and then not in undone_later
        if is_another and key[0] in ("table", "column", "sequence", "type"):
            draft.remade.add(then)
    tables = {key[1] for key in draft.remade if key[0] == "table"}
    for key in sorted(draft.remade):
        if key[0] == "sequence":
            draft.changed.add(key)
        elif key[0] == "type":
            # A column of the dropped type was dropped with it, unless it got another type before.
            if key in draft.changed and "enum" in draft.before[key].properties:
                draft.changed.discard(key)
                add_type_made_anew(draft, key)
        elif key[0] == "table":
            draft.refuse(key, "it was dropped with its rows, and another one was made under its name")
        elif (of := identity_of(key).relation) not in tables and draft.relation_kind(of, draft.before) == "table":
            if "generated" in draft.before[key].properties:
                draft.changed.add(key)
            else:
                draft.refuse(key, "it was dropped with its values, and another one was made under its name")


def _scope(draft: Draft, key: Key) -> str:
    return (draft.before.get(key) or draft.after[key]).scope


def _text(draft: Draft) -> str:
    steps = order_steps(draft)
    if not steps:
        return ""
    lines = []
    if any(step.phase is not Phase.CONCURRENTLY for step in steps):
        # As pg_dump does: the definitions are qualified, and a body may name what comes later.
        lines += ["set local check_function_bodies = off;", "set local search_path = '';", ""]
    lines += [f"{step.sql};" for step in steps]
    return "\n".join(lines) + "\n"
