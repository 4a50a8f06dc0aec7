"""Changed columns of tables: defaults, not null, identity, lossless changes of type, and what cannot be taken back."""

from __future__ import annotations

import re

from pg_deploy.catalog.reader import Fact
from pg_deploy.inverse.model import Draft, Phase
from pg_deploy.inverse.names import own_name, owner_of, storage_options

_INTEGERS = ("smallint", "integer", "bigint")
_HANDLED = frozenset({
    "position", "type", "not null", "default", "identity", "storage", "compression", "statistics target", "options",
    "inherited",
})  # fmt: skip


def add_column(draft: Draft, old: Fact, new: Fact) -> None:
    """Statements that bring a changed column from `new` back to `old`."""
    key = (old.kind, old.identity)
    before, after = old.properties, new.properties
    table, name = owner_of(old.identity), own_name(old.identity)
    alter = f"alter table {table} alter column {name}"
    differs = {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}
    if "inherited" in before and before["inherited"] == "only" and after.get("inherited") == "only":
        return
    if unknown := differs - _HANDLED:
        draft.refuse(key, f"its {', '.join(sorted(unknown))} changed")
        return
    if "type" in differs:
        reason = why_lossy(str(before["type"]), str(after["type"]))
        if reason:
            draft.refuse(key, reason)
            return
        draft.remarks.append(
            f"column {old.identity} becomes {before['type']} again: the table is rewritten, and a value that does not fit"
            " fails the rollback"
        )
    retyped = "type" in differs
    if "default" in after and ("default" in differs or retyped):
        draft.add(Phase.DEFAULT_OFF, f"{alter} drop default")
    if "default" in before and ("default" in differs or retyped):
        draft.add(Phase.DEFAULT_ON, f"{alter} set default {before['default']}")
    if retyped:
        draft.add(Phase.ALTER, f"{alter} type {before['type']}")
    if "identity" in differs:
        _add_identity(draft, old, new, alter)
    if "not null" in differs:
        draft.add(Phase.DEFAULT_ON, f"{alter} {'set' if before.get('not null') else 'drop'} not null")
    if "storage" in differs:
        draft.add(Phase.ALTER, f"{alter} set storage {before.get('storage') or _storage(old)}")
    if "compression" in differs:
        draft.add(Phase.ALTER, f"{alter} set compression {before.get('compression', 'default')}")
    if "statistics target" in differs:
        draft.add(Phase.ALTER, f"{alter} set statistics {before.get('statistics target', -1)}")
    if "options" in differs:
        kept, found = before.get("options", []), after.get("options", [])
        if found:
            draft.add(Phase.ALTER, f"{alter} reset ({storage_options(option.split('=')[0] for option in found)})")
        if kept:
            draft.add(Phase.ALTER, f"{alter} set ({storage_options(kept)})")


def _add_identity(draft: Draft, old: Fact, new: Fact, alter: str) -> None:
    before, after = old.properties.get("identity"), new.properties.get("identity")
    if before and after:
        draft.add(Phase.ALTER, f"{alter} set generated {before}")
    elif after:
        draft.add(Phase.ALTER, f"{alter} drop identity")
    else:
        draft.refuse(("column", old.identity), "it lost its identity, and how far its sequence had come is not known")


def why_lossy(old: str, new: str) -> str | None:
    """Why a change of type from `old` to `new` cannot be taken back by changing it again; None where it can."""
    if old in _INTEGERS and new in _INTEGERS and _INTEGERS.index(old) < _INTEGERS.index(new):
        return None
    if old in _INTEGERS and new == "numeric":
        return "its type changed to numeric, and fractions written since would be rounded"
    text = ("text", "character varying")
    if _base(old) in text and _base(new) in text:
        if new in text or (_length(old) is not None and (_length(new) or 0) >= (_length(old) or 0)):
            return None
        return f"its type changed from {old} to {new}, which cut what was longer or was not checked for it"
    if _base(old) == _base(new) == "numeric" and _base(old) != old:
        before, after = _digits(old), _digits(new)
        if after is None or (after[1] >= before[1] and after[0] - after[1] >= before[0] - before[1]):  # type: ignore[index]
            return (
                None
                if after and before and after[1] == before[1]
                else ("its type changed to more decimals, and those written since would be rounded")
            )
    return f"its type changed from {old} to {new}, and the values that it held before are not known"


def _storage(column: Fact) -> str:
    """The storage that comes with a type of variable length; `set storage default` is newer than version 15."""
    return "main" if _base(str(column.properties["type"])) in ("numeric", "inet", "cidr") else "extended"


def _base(name: str) -> str:
    return re.sub(r"\(.*\)", "", name)


def _length(name: str) -> int | None:
    found = re.search(r"\((\d+)\)", name)
    return int(found[1]) if found else None


def _digits(name: str) -> tuple[int, int] | None:
    found = re.search(r"\((\d+),(\d+)\)", name)
    return (int(found[1]), int(found[2])) if found else None
