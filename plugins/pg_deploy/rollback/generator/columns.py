"""Changed columns of tables: defaults, not null, identity, lossless changes of type, and what cannot be taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from pg_deploy.catalog.names import Key
from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import identifier
from pg_deploy.rollback.generator.definitions import add_server_options
from pg_deploy.rollback.generator.draft import OF_IDENTITY, Draft, Phase, differing
from pg_deploy.rollback.generator.drops import attaches_partition
from pg_deploy.rollback.generator.sequences import position_statement, sequence_options
from pg_deploy.rollback.generator.sql_text import storage_options

_SET_EXPRESSION = 170000
_WITHOUT_LENGTH = {
    "character varying": "character varying",
    # Without its length, "character" and "bit" would be of length 1.
    "character": "bpchar",
    "bit varying": "bit varying",
    "bit": '"bit"',
}
# Types of one family can be compared with each other.
_ROUNDED = (
    ("smallint", "integer", "bigint", "numeric", "real", "double precision"),
    ("date", "timestamp without time zone", "timestamp with time zone"),
    ("time without time zone", "time with time zone"),
    ("interval",),
)
_FITS = "a_value_since_would_be_rounded"
_INTEGERS = ("smallint", "integer", "bigint")
_HANDLED = frozenset({
    "position", "type", "collation", "not null", "not null constraint", "default", "identity", "storage", "compression",
    "statistics target", "options", "inherited", "server options",
})  # fmt: skip


def add_column(draft: Draft, old: Fact, new: Fact) -> None:
    """Statements that bring a changed column from `new` back to `old`."""
    key = old.key
    before, after = old.properties, new.properties
    table, name = old.identity.relation, old.identity.name
    kind = draft.relation_kind(table, draft.before) or "table"
    alter = f"alter {kind} {table} alter column {name}"
    # An heir may have a default or options of its own, so each table is altered alone.
    alter_alone = f"alter {kind} only {table} alter column {name}" if table in draft.heirs else alter
    differs = differing(before, after)
    inherits = bool(before.get("inherited") and after.get("inherited"))
    if inherits and ("generated" in before or "generated" in after):
        return
    if before.get("inherited") == "only" and "inherited" in differs and not attaches_partition(draft, table):
        draft.refuse(key, f"{table} no longer inherited it and holds it by itself since: no statement takes that back")
        return
    if _generated_differs(draft, old, new):
        if "generated" in before:
            draft.refuse(key, why_not_generated_again(draft, old))
        else:
            draft.refuse(key, "it became a generated column, and the values that it held before are not known")
        return
    if unknown := differs - _HANDLED:
        draft.refuse(key, f"its {', '.join(sorted(unknown))} changed")
        return
    retyped = bool(differs & {"type", "collation"})
    generated = "generated" in before
    if "type" in differs and not inherits:
        reason = why_lossy(str(before["type"]), str(after["type"]))
        if reason and not draft.compared and not (generated and draft.server_version >= _SET_EXPRESSION):
            draft.refuse(key, reason)
            return
        draft.remarks.append(
            f"column {old.identity} becomes {before['type']} again: the table is rewritten, and a value that does not fit"
            " fails the rollback"
        )
    changes_default = "default" in differs or (retyped and not generated)
    if "default" in after and changes_default and not generated:
        draft.add(Phase.DEFAULT_OFF, f"{alter_alone} drop default")
    if "default" in before and changes_default and not generated:
        draft.add(Phase.DEFAULT_ON, f"{alter_alone} set default {before['default']}")
    if retyped and not inherits:
        collate = f" collate {before['collation']}" if "collation" in before else ""
        casts = "type" in differs and kind == "table" and not generated
        using = f" using {name}::{_without_length(str(before['type']))}" if casts else ""
        if casts and _may_round(str(before["type"]), str(after["type"])):
            fits = f"check ({name}::{before['type']} = {name})"
            draft.add(
                Phase.ALTER,
                f"alter table {table} add constraint {_FITS} {fits}",
                f"alter table {table} drop constraint {_FITS}",
            )
        draft.add(Phase.ALTER, f"{alter} type {before['type']}{collate}{using}")
    if generated and (changes_default or (retyped and draft.server_version >= _SET_EXPRESSION)):
        # The values are computed anew: what the type of the migration cut off comes back.
        draft.add(Phase.DEFAULT_ON, f"{alter} set expression as ({before['default']})")
    if "identity" in differs and not inherits:
        _add_identity(draft, old, new, alter)
    if differs & {"not null", "not null constraint"} and not (inherits and _parent_differs(draft, old, "not null")):
        _add_not_null(draft, old, new, alter)
    if retyped and before["type"] != after["type"]:
        differs |= {each for each in ("statistics target", "options") if each in before}
    add_column_options(draft, alter_alone, old, new, differs)


def _parent_differs(draft: Draft, column: Fact, name: str) -> bool:
    """Whether the same column of a parent differs in that property too: then this one follows it."""
    table = draft.before[draft.relation_kind(column.identity.relation, draft.before) or "", column.identity.relation]
    keys = [("column", column.identity.on(parent)) for parent in table.properties.get("inherits", ())]
    both = [key for key in keys if key in draft.before and key in draft.after]
    return any(draft.before[key].properties.get(name) != draft.after[key].properties.get(name) for key in both)


def add_column_options(draft: Draft, alter: str, old: Fact, new: Fact, differs: set[str]) -> None:
    """How a column is stored, and its statistics and options."""
    before, after = old.properties, new.properties
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
    if "server options" in differs:
        add_server_options(draft, alter, old, new)


def add_view_column(draft: Draft, old: Fact, new: Fact) -> None:
    """Statements that bring a view's column back: its default, or how a materialized view stores it."""
    view = old.identity.relation
    alter = f"alter {draft.relation_kind(view, draft.before)} {view} alter column {old.identity.name}"
    before, after = old.properties, new.properties
    differs = differing(before, after)
    if "default" in differs:
        wanted = f"set default {before['default']}" if "default" in before else "drop default"
        draft.add(Phase.DEFAULT_ON, f"{alter} {wanted}")
    add_column_options(draft, alter, old, new, differs - {"server options"})


def add_view_columns(draft: Draft, view: Fact) -> None:
    """The defaults and options of the columns of a view that is made again."""
    for old in draft.columns_before.get(view.identity, ()):
        add_view_column(draft, old, _plain(old))


def add_options_anew(draft: Draft, old: Fact) -> None:
    """The same for a column that is made again."""
    alter = f"alter table {old.identity.relation} alter column {old.identity.name}"
    add_column_options(draft, alter, old, _plain(old), set(old.properties))


def _plain(column: Fact) -> Fact:
    """The column as it is right after it was made: with its type, and nothing set on it."""
    return column.with_properties({name: column.properties[name] for name in ("type", "position")})


def generated_column_statement(fact: Fact, draft: Draft) -> str | None:
    """The statement that adds a generated column at the end again, as its values follow from the others; None if it cannot."""
    p = fact.properties
    table = fact.identity.relation
    if "generated" not in p or draft.relation_kind(table, draft.before) != "table" or not _is_last(draft, fact):
        return None
    if _column_holding(table, draft):
        return None
    collate = f" collate {p['collation']}" if "collation" in p else ""
    not_null = " not null" if p.get("not null") else ""
    generated = f"generated always as ({p['default']}) {p['generated']}"
    return f"alter table {table} add column {fact.identity.name} {p['type']}{collate} {generated}{not_null}"


def why_not_generated_again(draft: Draft, fact: Fact) -> str:
    """Why `generated_column_statement` gives none."""
    held = _column_holding(fact.identity.relation, draft) if _is_last(draft, fact) else None
    if held:
        return (
            f"it is no longer generated as it was, and cannot be made again while column {held} holds rows of its table"
        )
    return "it is no longer generated as it was, and could be made again only behind the columns that follow it"


def _column_holding(table: str, draft: Draft) -> str | None:
    """A column that holds rows of that table, directly or within arrays, domains and composite types."""
    holders = _types_holding({table}, draft)
    return _column_of_type(lambda of: of.removesuffix("[]") in holders, draft)


def is_held_within(domain: str, draft: Draft) -> bool:
    """Whether a column holds values of the domain within an array or a composite type: the server cannot check them there."""
    domains, more = {domain}, {domain}
    while more:
        more = {
            name
            for (kind, name), fact in draft.before.items()
            if kind == "type" and fact.properties.get("domain over") in more
        } - domains
        domains |= more
    holders = _types_holding(domains, draft) - domains
    arrays = {f"{name}[]" for name in domains}
    return bool(_column_of_type(lambda of: of in arrays or of.removesuffix("[]") in holders, draft))


def _types_holding(names: AbstractSet[str], draft: Draft) -> set[str]:
    """These types and all that contain them at any depth: domains over them or over arrays of them, and composite types."""
    types = {key[1]: fact.properties for key, fact in draft.before.items() if key[0] == "type"}
    held, waiting = set(names), sorted(names)
    while waiting:
        of = waiting.pop()
        ends = (f" {of}", f" {of}[]")
        more = {
            name
            for name, each in types.items()
            if str(each.get("domain over", "")).removesuffix("[]") == of
            or any(attribute.endswith(ends) for attribute in each.get("composite") or ())
        } - held
        held |= more
        waiting += sorted(more)
    return held


def _column_of_type(fits: Callable[[str], bool], draft: Draft) -> str | None:
    """The first column of any table, in the order of their names, whose type fits; None if there is none."""
    columns = (
        column.identity
        for relation, of_relation in draft.columns_before.items()
        if ("table", relation) in draft.before
        for column in of_relation
        if fits(str(column.properties.get("type", "")))
    )
    return min(columns, default=None)


def _is_last(draft: Draft, fact: Fact) -> bool:
    """Whether all columns behind this one, in its table and in those that inherit from it, are made again too."""
    of_heirs = (fact.identity.on(heir) for heir in draft.heirs_before.get(fact.identity.relation, ()))
    heirs = [draft.before.get(("column", identity)) for identity in of_heirs]
    return all(
        key in draft.missing or key in draft.remade or "generated" in draft.before[key].properties
        for key in columns_behind(draft, fact)
    ) and all(_is_last(draft, heir) for heir in heirs if heir is not None)


def columns_behind(draft: Draft, fact: Fact) -> list[Key]:
    """The columns of its relation that stood behind it, in their order."""
    columns = draft.columns_before.get(fact.identity.relation, ())
    later = [each for each in columns if each.properties["position"] > fact.properties["position"]]
    return [each.key for each in sorted(later, key=lambda each: int(each.properties["position"]))]


def generated_is_made_again(draft: Draft, old: Fact, new: Fact) -> bool:
    """Whether a generated column differs and can only be dropped and made again: its values follow from the others."""
    inherited = old.properties.get("inherited") and new.properties.get("inherited")
    return _generated_differs(draft, old, new) and bool(inherited or generated_column_statement(old, draft))


def _generated_differs(draft: Draft, old: Fact, new: Fact) -> bool:
    """Whether it became a generated column or is no longer generated as it was, and no statement sets the expression."""
    before, after = old.properties, new.properties
    if "generated" in before and old.key in draft.remade:
        return True
    if before.get("generated") != after.get("generated"):
        return True
    return "generated" in before and before["default"] != after["default"] and draft.server_version < _SET_EXPRESSION


def _add_identity(draft: Draft, old: Fact, new: Fact, alter: str) -> None:
    before, after = old.properties.get("identity"), new.properties.get("identity")
    if before and after:
        draft.add(Phase.ALTER, f"{alter} set generated {before}")
        return
    if after:
        draft.add(Phase.ALTER, f"{alter} drop identity")
        return
    owned = f"{old.identity}{OF_IDENTITY}"
    sequence = next(
        (
            each
            for key, each in draft.before.items()
            if key[0] == "sequence" and each.properties.get("owned by") == owned
        ),
        None,
    )
    if sequence is None or sequence.identity not in draft.positions:
        draft.refuse(("column", old.identity), "it lost its identity, and how far its sequence had come is not known")
        return
    if old.properties.get("not null") and not new.properties.get("not null"):
        draft.add(Phase.DEFAULT_ON, f"{alter} set not null")
    options = f"(sequence name {sequence.identity} {sequence_options(sequence)})"
    draft.add(
        Phase.DEFAULT_ON, f"{alter} add generated {before} as identity {options}", position_statement(draft, sequence)
    )


def _add_not_null(draft: Draft, old: Fact, new: Fact, alter: str) -> None:
    """Before version 18 it is a flag of the column; from there on a constraint with a name and options of its own."""
    before, after = old.properties.get("not null constraint"), new.properties.get("not null constraint")
    table, name = old.identity.relation, old.identity.name
    if before is None and after is None:
        if old.properties.get("not null") and old.properties.get("identity") and not new.properties.get("identity"):
            # `_add_identity` has set it, before the identity that needs it.
            return
        draft.add(Phase.DEFAULT_ON, f"{alter} {'set' if old.properties.get('not null') else 'drop'} not null")
        return
    if before and after and {**before, "name": ""} == {**after, "name": ""}:
        names = f"{identifier(after['name'])} to {identifier(before['name'])}"
        draft.add(Phase.ALTER, f"alter table {table} rename constraint {names}")
        return
    if (before or {}).get("inherited") or (after or {}).get("inherited"):
        # What is inherited follows its parent, attaching and detaching.
        return
    if after:
        # After the identity and the key that need it are gone.
        phase = Phase.ALTER if before else Phase.DEFAULT_ON
        draft.add(phase, f"alter table {table} drop constraint {identifier(after['name'])}")
    if before:
        options = f"{' no inherit' if 'no inherit' in before else ''}{' not valid' if 'not valid' in before else ''}"
        # Before a key is made again: that would make one of its own.
        draft.add(
            Phase.ALTER,
            f"alter table {table} add constraint {identifier(before['name'])} not null {name}{options}",
        )


def why_lossy(old: str, new: str) -> str | None:
    """Why a change of type from `old` to `new` cannot be taken back by changing it again; None if it can."""
    if old in _INTEGERS and new in _INTEGERS and _INTEGERS.index(old) < _INTEGERS.index(new):
        return None
    if old in _INTEGERS and new == "numeric":
        return "its type changed to numeric, and fractions written since would be rounded"
    text = ("text", "character varying")
    if _base(old) in text and _base(new) in text:
        if new in text or (_length(old) is not None and (_length(new) or 0) >= (_length(old) or 0)):
            return None
        return f"its type changed from {old} to {new}, which cut what was longer or was not checked for it"
    before, after = _digits(old), _digits(new)
    if before is not None and _base(new) == "numeric":
        if after is None or (after[1] > before[1] and after[0] - after[1] >= before[0] - before[1]):
            return "its type changed to more decimals, and those written since would be rounded"
        if after[1] == before[1] and after[0] >= before[0]:
            return None
    return f"its type changed from {old} to {new}, and the values that it held before are not known"


def _storage(column: Fact) -> str:
    """The storage that comes with a type of variable length; `set storage default` is newer than version 15."""
    return "main" if _base(str(column.properties["type"])) in ("numeric", "inet", "cidr") else "extended"


def _without_length(name: str) -> str:
    """The type to cast to before a value is assigned: a cast to a length cuts what is longer, and an assignment refuses it."""
    found = re.fullmatch(r"(character varying|character|bit varying|bit)\(\d+\)((?:\[\])*)", name)
    return f"{_WITHOUT_LENGTH[found[1]]}{found[2]}" if found else name


def _may_round(wanted: str, now: str) -> bool:
    """Whether a cast and an assignment both round what does not fit, so that it has to be looked for."""
    if wanted in _INTEGERS and now in _INTEGERS:
        return False
    return any(_base(wanted) in family and _base(now) in family for family in _ROUNDED)


def _base(name: str) -> str:
    return re.sub(r"\(.*\)", "", name)


def _length(name: str) -> int | None:
    found = re.search(r"\((\d+)\)", name)
    return int(found[1]) if found else None


def _digits(name: str) -> tuple[int, int] | None:
    """The precision and the scale, which may be negative, of a numeric type; None if it has none."""
    found = re.fullmatch(r"numeric\((\d+),(-?\d+)\)", name)
    return (int(found[1]), int(found[2])) if found else None
