"""CREATE statements of the rarer kinds, from the properties that the facts hold."""

from __future__ import annotations

from collections.abc import Callable

from pg_deploy.catalog.names import parsed
from pg_deploy.catalog.reader import Fact
from pg_deploy.postgres.quoting import identifier, literal
from pg_deploy.rollback.generator.draft import ByKey, Draft, Phase
from pg_deploy.rollback.generator.publications import create_publication
from pg_deploy.rollback.generator.sql_text import role

_Maker = Callable[[Fact, ByKey], tuple[str, ...]]


def create_rare(fact: Fact, facts: ByKey) -> tuple[str, ...]:
    """The statements that make the object; none if its kind is not known here or a value is hidden."""
    maker = _MAKERS.get(fact.kind)
    return maker(fact, facts) if maker else ()


def create_range(fact: Fact) -> tuple[str, ...]:
    """A range type; its multirange type and its functions come with it."""
    p = fact.properties
    if "range over" not in p:
        return ()
    parts = [f"subtype = {p['range over']}"]
    parts += [f"subtype_opclass = {p['operator class']}"] if p.get("operator class") else []
    parts += [f"collation = {p['collation']}"] if p.get("collation") else []
    parts += [f"canonical = {p['canonical']}"] if p.get("canonical") else []
    parts += [f"subtype_diff = {p['subtype difference']}"] if p.get("subtype difference") else []
    parts += [f"multirange_type_name = {p['multirange']}"] if p.get("multirange") else []
    return (f"create type {fact.identity} as range ({', '.join(parts)})",)


def _aggregate(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    parts = [f"sfunc = {p['sfunc']}", f"stype = {p['stype']}"]
    words = (
        "sspace",
        "finalfunc",
        "combinefunc",
        "serialfunc",
        "deserialfunc",
        "msfunc",
        "minvfunc",
        "mstype",
        "mfinalfunc",
    )
    parts += [f"{word} = {p[word]}" for word in words if p.get(word)]
    parts += ["finalfunc_extra"] if p.get("finalfunc extra") else []
    modify = {"r": "read_only", "s": "shareable", "w": "read_write"}.get(str(p.get("finalfunc modify", "")))
    parts += [f"finalfunc_modify = {modify}"] if modify and p.get("finalfunc") else []
    parts += [f"initcond = {literal(str(p['initcond']))}"] if "initcond" in p else []
    parts += [f"minitcond = {literal(str(p['minitcond']))}"] if "minitcond" in p else []
    parts += [f"sortop = operator({parsed('operator', str(p['sortop'])).base})"] if p.get("sortop") else []
    parallel = {"s": "safe", "r": "restricted", "u": "unsafe"}[str(p["parallel"])]
    parts.append(f"parallel = {parallel}")
    if str(p.get("direct arguments", "")).startswith("h"):
        parts.append("hypothetical")
    arguments = str(p["arguments"]) or "*"
    return (f"create aggregate {fact.identity.base}({arguments}) ({', '.join(parts)})",)


def _cast(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    how = {"binary": "without function", "input and output": "with inout"}.get(str(p["method"]))
    how = how or f"with function {p['function']}"
    context = "" if p["context"] == "explicit" else f" as {p['context']}"
    return (f"create cast ({fact.identity}) {how}{context}",)


def _operator(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    parts = [f"function = {p['function']}"]
    parts += [
        f"{side} = {operand}"
        for side, operand in zip(("leftarg", "rightarg"), fact.identity.operands, strict=True)
        if operand != "NONE"
    ]
    others = {word: parsed("operator", str(p[word])).base for word in ("commutator", "negator") if p.get(word)}
    parts += [f"{word} = operator({other})" for word, other in others.items()]
    parts += [f"{word} = {p[word]}" for word in ("restrict", "join") if p.get(word)]
    parts += [word for word in ("hashes", "merges") if p.get(word)]
    return (f"create operator {fact.identity.base} ({', '.join(parts)})",)


def _operator_family(fact: Fact, _: ByKey) -> tuple[str, ...]:
    made = [f"create operator family {fact.identity}"]
    members = _members(fact)
    return (*made, f"alter operator family {fact.identity} add {', '.join(members)}") if members else tuple(made)


def _operator_class(fact: Fact, facts: ByKey) -> tuple[str, ...]:
    """With the family of its own name, which CREATE OPERATOR CLASS makes too."""
    p = fact.properties
    name, method = fact.identity.base, fact.identity.part("method")
    family = facts.get(("operator family", fact.identity))
    if family is None:
        return ()
    members = _members(family) + ([f"storage {p['storage']}"] if p.get("storage") else [])
    default = " default" if p.get("default") else ""
    return (
        f"create operator class {name}{default} for type {p['for type']} using {method} as "
        f"{', '.join(members) or 'storage ' + str(p['for type'])}",
    )


def _members(family: Fact) -> list[str]:
    """The operators and functions of a family, each with its number."""
    p = family.properties
    return [
        *(f"operator {each}" for each in p.get("operators", ())),
        *(f"function {each}" for each in p.get("functions", ())),
    ]


def _collation(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    provider = {"i": "icu", "c": "libc", "b": "builtin"}.get(str(p.get("collprovider")))
    if provider is None:
        return ()
    parts = [f"provider = {provider}"]
    if p.get("colliculocale"):
        parts.append(f"locale = {literal(str(p['colliculocale']))}")
    else:
        parts += [
            f"{word} = {literal(str(p.get(name)))}"
            for word, name in (("lc_collate", "collcollate"), ("lc_ctype", "collctype"))
        ]
    parts += [] if p.get("collisdeterministic") else ["deterministic = false"]
    parts += [f"rules = {literal(str(p['collicurules']))}"] if p.get("collicurules") else []
    return (f"create collation {fact.identity} ({', '.join(parts)})",)


def _conversion(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    default = "default " if p.get("default") else ""
    return (
        f"create {default}conversion {fact.identity} for {literal(str(p['from']))} to {literal(str(p['to']))} "
        f"from {p['function']}",
    )


def _dictionary(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    template, options = identifier(str(p["template"])), f", {p['options']}" if p.get("options") else ""
    return (f"create text search dictionary {fact.identity} (template = {template}{options})",)


def _configuration(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    made = [f"create text search configuration {fact.identity} (parser = {identifier(str(p['parser']))})"]
    made += [
        f"alter text search configuration {fact.identity} add mapping for {_TOKENS[int(number)]} with {dictionaries}"
        for number, dictionaries in sorted(p.get("mappings", {}).items(), key=lambda each: int(each[0]))
        if int(number) in _TOKENS
    ]
    return tuple(made) if str(p["parser"]) == "default" else ()


# The token types of the default parser.
_TOKENS = dict(enumerate((
    "asciiword", "word", "numword", "email", "url", "host", "sfloat", "version", "hword_numpart", "hword_part",
    "hword_asciipart", "blank", "tag", "protocol", "numhword", "asciihword", "hword", "url_path", "file", "float", "int",
    "uint", "entity",
), start=1))  # fmt: skip


def _extension(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    schema = identifier(str(p["schema"]))
    return (f"create extension {fact.identity} with schema {schema} version {literal(str(p['version']))}",)


def _wrapper(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    handler = f" handler {p['handler']}" if p.get("handler") else ""
    validator = f" validator {p['validator']}" if p.get("validator") else ""
    options = options_of(p.get("options", []))
    return (f"create foreign data wrapper {fact.identity}{handler}{validator}{options}",) if options is not None else ()


def _server(fact: Fact, _: ByKey) -> tuple[str, ...]:
    p = fact.properties
    options = options_of(p.get("options", []))
    if options is None:
        return ()
    kind = f" type {literal(str(p['type']))}" if p.get("type") else ""
    version = f" version {literal(str(p['version']))}" if p.get("version") else ""
    wrapper = identifier(str(p["wrapper"]))
    return (f"create server {fact.identity}{kind}{version} foreign data wrapper {wrapper}{options}",)


def _mapping(fact: Fact, _: ByKey) -> tuple[str, ...]:
    options = options_of(fact.properties.get("options", []))
    who = f"{role(fact.identity.role)} server {fact.identity.part('server')}"
    return (f"create user mapping for {who}{options}",) if options is not None else ()


def _foreign_table(fact: Fact, facts: ByKey) -> tuple[str, ...]:
    p = fact.properties
    options = options_of(p.get("server options", []))
    columns = sorted(
        (each for key, each in facts.items() if key[0] == "column" and each.identity.relation == fact.identity),
        key=lambda each: int(each.properties["position"]),
    )
    listed = [_foreign_column(each) for each in columns]
    if options is None or None in listed:
        return ()
    inherits = f" inherits ({', '.join(p['inherits'])})" if p.get("inherits") else ""
    server = identifier(str(p["server"]))
    return (f"create foreign table {fact.identity} ({', '.join(map(str, listed))}){inherits} server {server}{options}",)


def last_foreign_column_statement(column: Fact, draft: Draft) -> str:
    """The statement that adds the column of a foreign table, whose values are elsewhere, if it was the last one; else nothing."""
    table = column.identity.relation
    if ("foreign table", table) not in draft.before or ("foreign table", table) not in draft.after:
        return ""
    remaining = {fact.identity for fact in draft.columns_after.get(table, ())}
    is_last = all(
        int(fact.properties["position"]) <= int(column.properties["position"])
        for fact in draft.columns_before.get(table, ())
        if fact.identity in remaining
    )
    definition = _foreign_column(column)
    return f"alter foreign table {table} add column {definition}" if is_last and definition is not None else ""


def _foreign_column(column: Fact) -> str | None:
    p = column.properties
    options = options_of(p.get("server options", []))
    if options is None:
        return None
    parts: list[str] = [column.identity.name, str(p["type"]) + options]
    parts += [f"collate {p['collation']}"] if p.get("collation") else []
    parts += [f"default {p['default']}"] if p.get("default") and not p.get("generated") else []
    parts += [f"generated always as ({p['default']}) {p['generated']}"] if p.get("generated") else []
    parts += ["not null"] if p.get("not null") else []
    return " ".join(parts)


def options_of(options: list[str]) -> str | None:
    """` options (…)`, or nothing; None if a value is hidden."""
    if any(option.endswith("=(hidden)") for option in options):
        return None
    pairs = [option.partition("=") for option in options]
    return (
        f" options ({', '.join(f'{identifier(name)} {literal(value)}' for name, _, value in pairs)})" if pairs else ""
    )


def add_server_options(draft: Draft, alter: str, old: Fact, new: Fact) -> None:
    """The options that a foreign table, or its column, has for its server, changed back; refused if a value is hidden."""
    options = option_changes(old.properties.get("server options", []), new.properties.get("server options", []))
    if options is None:
        draft.refuse(old.key, "an option that is a secret changed")
    else:
        draft.add(Phase.ALTER, f"{alter}{options}")


def option_changes(before: list[str], after: list[str]) -> str | None:
    """` options (…)` that leads from `after` to `before`; None if a value is hidden."""
    if any(option.endswith("=(hidden)") for option in (*before, *after)):
        return None
    old = dict(option.split("=", 1) for option in before)
    new = dict(option.split("=", 1) for option in after)
    steps = [f"drop {identifier(name)}" for name in sorted(new.keys() - old.keys())]
    steps += [f"add {identifier(name)} {literal(old[name])}" for name in sorted(old.keys() - new.keys())]
    steps += [f"set {identifier(n)} {literal(old[n])}" for n in sorted(old.keys() & new.keys()) if old[n] != new[n]]
    return f" options ({', '.join(steps)})" if steps else ""


def _access_method(fact: Fact, _: ByKey) -> tuple[str, ...]:
    what = {"t": "table", "i": "index"}[str(fact.properties["type"])]
    return (f"create access method {fact.identity} type {what} handler {fact.properties['handler']}",)


_MAKERS: dict[str, _Maker] = {
    "access method": _access_method,
    "aggregate": _aggregate,
    "cast": _cast,
    "operator": _operator,
    "operator family": _operator_family,
    "operator class": _operator_class,
    "collation": _collation,
    "conversion": _conversion,
    "text search dictionary": _dictionary,
    "text search configuration": _configuration,
    "extension": _extension,
    "foreign data wrapper": _wrapper,
    "server": _server,
    "user mapping": _mapping,
    "foreign table": _foreign_table,
    "publication": lambda fact, _: create_publication(fact),
}
