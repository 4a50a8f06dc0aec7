"""Reading the syntax tree that libpg_query gives as JSON.

Plain dictionaries are built ten times as fast as a tree of Python objects, and say the same. A node is
`{"IndexStmt": {…fields…}}`; fields with the value zero, false or nothing are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from pg_deploy.postgres.quoting import in_full

Fields: TypeAlias = "dict[str, object]"

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_DATA_CHANGES = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


def fields(value: object) -> Fields:
    """Return the value if it is a node's fields; else no fields."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Fields]:
    """Return the value if it is a list of nodes; else an empty list."""
    return [fields(item) for item in value] if isinstance(value, list) else []


def type_and_fields(node: object) -> tuple[str, Fields]:
    """Return a node's type and fields; both empty if the value is no node."""
    for name, content in fields(node).items():
        return name, fields(content)
    return "", {}


def text(value: object) -> str:
    """Return the value if it is a text; else an empty one."""
    return value if isinstance(value, str) else ""


def quoted(*parts: str) -> str:
    """Return a qualified name that PostgreSQL's to_regclass() reads back, keywords as they are; empty parts are left out."""
    return ".".join(part if _PLAIN.fullmatch(part) else in_full(part) for part in parts if part)


def unquoted(name: str) -> str:
    """Return the plain name behind quoted() of one part."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def list_items(node: object) -> object:
    """Return the items of a List node."""
    return fields(fields(node).get("List")).get("items")


def relation(range_var: object) -> str:
    """Return the name of a relation as it is written, quoted if it must be."""
    content = fields(range_var)
    return quoted(text(content.get("schemaname")), text(content.get("relname")))


def strings(nodes: object) -> list[str]:
    """Return the parts of a qualified name."""
    return [text(fields(node.get("String")).get("sval")) for node in items(nodes)]


def options(nodes: object) -> dict[str, object]:
    """Return the options of a statement by name. An option without a value is None."""
    given = [fields(node.get("DefElem")) for node in items(nodes)]
    return {text(option.get("defname")): option.get("arg") for option in given}


def switched_on(arguments: dict[str, object], name: str, *, default: bool = False) -> bool:
    """Tell whether a boolean option is on: given without a value, or with one that means true."""
    if name not in arguments:
        return default
    if arguments[name] is None:
        return True
    _, content = type_and_fields(arguments[name])
    value = content.get("sval", content.get("boolval", content.get("ival", 0)))
    return value is True or str(value).lower() in {"true", "on", "1", "yes"}


def walk(node: object) -> Iterator[tuple[str, Fields]]:
    """Yield every node below except constants, with its type, in no particular order; never recurses."""
    waiting: list[object] = [node]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            for name, content in value.items():
                if name == "A_Const":  # nothing is below a constant, and a bulk insert has a million of them
                    continue
                if isinstance(content, dict):
                    yield name, content
                    waiting.append(content)
                elif isinstance(content, list):
                    waiting.append(content)


def changes_data(node: object) -> bool:
    """Tell whether there is an insert, update, delete or merge anywhere in the node."""
    return any(name in _DATA_CHANGES for name, _ in walk(node))


def function_calls(node: object) -> Iterator[tuple[str, list[Fields]]]:
    """Yield the functions that a node calls, each with its qualified name and its arguments."""
    for name, content in walk(node):
        if name == "FuncCall" or (name == "funccall" and "funcname" in content):
            yield ".".join(strings(content.get("funcname"))), items(content.get("args"))
