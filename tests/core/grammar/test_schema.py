"""The classes that our code names are PostgreSQL's, in the wheel that is installed."""

from __future__ import annotations

from enum import IntEnum
from typing import get_type_hints

import pytest

from pg_deploy.grammar import ast, enums, parser, schema
from pg_deploy.grammar.nodes import Node, class_of, enum_of

CLASSES = [
    each for each in vars(ast).values() if isinstance(each, type) and issubclass(each, Node) and each is not Node
]
ENUMS = [
    each
    for each in vars(enums).values()
    if isinstance(each, type) and issubclass(each, IntEnum) and each is not IntEnum
]


@pytest.mark.parametrize("named", CLASSES, ids=lambda each: each.__name__)
def test_a_class_has_the_fields_of_postgresqls_struct(named: type[Node]) -> None:
    """A field that a new version renames would be read as empty, and a check would pass unseen."""
    hints = {name: str(hint) for name, hint in get_type_hints(named).items() if not name.startswith("_")}
    assert set(hints) == set(named._fields)
    for name, field in named._fields.items():
        assert ("tuple[" in hints[name]) == field.repeated, name
        if field.enum:
            assert field.enum in hints[name] or "IntEnum" in hints[name], name
        elif field.holds not in ("", "Node"):
            assert field.holds in hints[name] or "Node" in hints[name], name
        elif not field.repeated and not field.holds:
            assert {"False": "bool", "0": "int", "None": "str"}[str(field.default)] in hints[name], name


@pytest.mark.parametrize("named", ENUMS, ids=lambda each: each.__name__)
def test_an_enum_has_postgresqls_members(named: type[IntEnum]) -> None:
    """A member of another number would be written to the printer as its neighbour."""
    assert {each.name: each.value for each in named} == dict(schema.members(named.__name__))
    assert enum_of(named.__name__) is named


def test_every_kind_of_node_and_every_enum_can_be_made() -> None:
    """A statement of a kind that nobody named must still be read."""
    assert all(class_of(kind)() == class_of(kind)() for kind in schema.KINDS)
    assert all(len(enum_of(name)) > 0 for name in schema.ENUMS)
    assert class_of("ColumnRef") is ast.ColumnRef


def test_the_schema_is_the_librarys() -> None:
    """Two files of one wheel: of different versions, each keyword's number would mean another word."""
    for name in schema.members("Token"):
        word = name.removesuffix("_P").lower()
        if name.isupper() and word.isidentifier() and name.removesuffix("_P") in _KEYWORDS:
            (token,) = parser.scan(word)
            assert token.name == name
    assert parser.MAJOR == 18


_KEYWORDS = {
    word.upper()
    for kind in ("RESERVED", "UNRESERVED", "COL_NAME", "TYPE_FUNC_NAME")
    for word in getattr(parser, f"{kind}_KEYWORDS")
}


def test_the_keywords_are_those_of_pg_get_keywords() -> None:
    """A name that is a keyword must be quoted."""
    counts = [
        len(getattr(parser, f"{kind}_KEYWORDS")) for kind in ("RESERVED", "UNRESERVED", "COL_NAME", "TYPE_FUNC_NAME")
    ]
    assert counts == [78, 330, 63, 23]
    assert {"select", "user"} <= parser.RESERVED_KEYWORDS
    assert "left" in parser.TYPE_FUNC_NAME_KEYWORDS
    assert "coalesce" in parser.COL_NAME_KEYWORDS
