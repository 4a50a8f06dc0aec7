"""Changed tables and views: row level security, options, partitions, replica identity, owners."""

from __future__ import annotations

from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import identifier
from pg_deploy.rollback.generator.creates import view_statement
from pg_deploy.rollback.generator.definitions import add_server_options
from pg_deploy.rollback.generator.draft import Draft, Phase, differing
from pg_deploy.rollback.generator.sql_text import role, storage_options

_HANDLED = frozenset({
    "owner", "row level security", "force row level security", "options", "toast options", "persistence", "definition",
    "populated", "replica identity", "tablespace", "inherits", "partition bound", "of type", "server options",
    "access method",
})  # fmt: skip


def add_relation(draft: Draft, old: Fact, new: Fact) -> None:
    """Statements that bring a changed relation from `new` back to `old`."""
    key = old.key
    before, after = old.properties, new.properties
    differs = differing(before, after)
    if unknown := differs - _HANDLED:
        draft.refuse(key, f"its {', '.join(sorted(unknown))} changed")
        return
    alter = f"alter {old.kind} {old.identity}"
    if "definition" in differs:
        draft.add(Phase.IN_PLACE, view_statement(old, "create or replace"))
    if "owner" in differs:
        draft.add(Phase.OWNER, f"{alter} owner to {role(str(before['owner']))}")
    if "row level security" in differs:
        verb = "enable" if before.get("row level security") else "disable"
        draft.add(Phase.ALTER, f"{alter} {verb} row level security")
    if "force row level security" in differs:
        word = "force" if before.get("force row level security") else "no force"
        draft.add(Phase.ALTER, f"{alter} {word} row level security")
    if "options" in differs and "definition" not in differs:
        _add_options(draft, alter, before.get("options", []), after.get("options", []), "")
    if "toast options" in differs:
        _add_options(draft, alter, before.get("toast options", []), after.get("toast options", []), "toast.")
    if "persistence" in differs:
        draft.add(Phase.ALTER, f"{alter} set {before.get('persistence', 'logged')}")
    if "populated" in differs:
        emptied = "" if before.get("populated") else " with no data"
        draft.add(Phase.CREATE, f"refresh materialized view {old.identity}{emptied}")
    if "tablespace" in differs:
        draft.add(Phase.ALTER, f"{alter} set tablespace {role(str(before.get('tablespace', 'pg_default')))}")
    if "access method" in differs:
        draft.add(Phase.ALTER, f"{alter} set access method {identifier(str(before.get('access method', 'heap')))}")
    if "of type" in differs:
        draft.add(Phase.ALTER, f"{alter} of {before['of type']}" if before.get("of type") else f"{alter} not of")
    if "server options" in differs:
        add_server_options(draft, alter, old, new)
    if "replica identity" in differs and before.get("replica identity") != "index":
        draft.add(Phase.ALTER, f"{alter} replica identity {before.get('replica identity', 'default')}")
    if differs & {"inherits", "partition bound"}:
        _add_parents(draft, old, new)


def _add_options(draft: Draft, alter: str, before: list[str], after: list[str], prefix: str) -> None:
    names = sorted({option.split("=")[0] for option in after} - {option.split("=")[0] for option in before})
    if names:
        draft.add(Phase.ALTER, f"{alter} reset ({storage_options(names, prefix)})")
    if wanted := [option for option in before if option not in after]:
        draft.add(Phase.ALTER, f"{alter} set ({storage_options(wanted, prefix)})")


def _add_parents(draft: Draft, old: Fact, new: Fact) -> None:
    before, after = old.properties, new.properties
    was, now = before.get("inherits", []), after.get("inherits", [])
    if "partition bound" in after and before.get("partition bound") != after["partition bound"]:
        # First, so that what came with the parent can be dropped.
        draft.add(Phase.DEFAULT_OFF, f"alter table {now[0]} detach partition {old.identity}")
    if "partition bound" in before and before["partition bound"] != after.get("partition bound"):
        bound = str(before["partition bound"])
        draft.add(Phase.JOIN, f"alter table {was[0]} attach partition {old.identity} {bound}")
    if "partition bound" not in before and "partition bound" not in after:
        draft.add(
            Phase.DEFAULT_OFF,
            *(f"alter table {old.identity} no inherit {parent}" for parent in now if parent not in was),
        )
        draft.add(Phase.JOIN, *(f"alter table {old.identity} inherit {parent}" for parent in was if parent not in now))
