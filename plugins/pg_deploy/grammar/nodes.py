"""Syntax trees as Python objects, made of libpg_query's JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, ClassVar, TypeVar

from pg_deploy.grammar import schema
from pg_deploy.grammar.schema import Field

_E = TypeVar("_E", bound=IntEnum)
_LISTS = frozenset({"List", "IntList", "OidList"})
_ONLY_PLACES = frozenset(
    {"location", "stmt_location", "stmt_len", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end"}
)
CONSTANTS = {"Integer": "ival", "Float": "fval", "Boolean": "boolval", "String": "sval", "BitString": "bsval"}
"""The nodes of a constant's value, and their fields. On the wire a constant has one field for each of them, in memory one for all."""
_OF_CONSTANTS = {field: kind for kind, field in CONSTANTS.items()}
_classes: dict[str, type[Node]] = {}
_enums: dict[str, type[IntEnum]] = {}


class Node:
    """A node of a syntax tree. Its fields are those of PostgreSQL's struct; a list is a tuple, and None where it is empty."""

    _fields: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        """Give the class the fields of the node of its name; each has its default until it is set."""
        cls._fields = _fields_of(cls.__name__)
        for name, field in cls._fields.items():
            setattr(cls, name, next(iter(enum_of(field.enum))) if field.enum and not field.repeated else field.default)
        _classes[cls.__name__] = cls

    def __init__(self, **given: Any) -> None:
        """Make a node of these fields."""
        for name, value in given.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        """Set a field that the node has."""
        if name not in self._fields:
            raise AttributeError(f"{type(self).__name__} has no field {name}")
        self.__dict__[name] = value

    def __iter__(self) -> Iterator[str]:
        """The names of the fields."""
        return iter(self._fields)

    def __eq__(self, other: object) -> bool:
        """Tell whether two nodes say the same, wherever they stand in their texts."""
        if not isinstance(other, Node) or type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._fields if name not in _ONLY_PLACES)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """The node and what is set of it, for a person."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items() if name not in _ONLY_PLACES)
        return f"{type(self).__name__}({fields})"


def _fields_of(kind: str) -> Mapping[str, Field]:
    fields = schema.fields(kind)
    if kind != "A_Const":
        return fields
    value = Field(0, "Node", "", repeated=False, default=None)
    return {"val": value, **{name: field for name, field in fields.items() if name not in _OF_CONSTANTS}}


def class_of(kind: str) -> type[Node]:
    """The class of a kind of node: the one that `ast` declares, or one that follows the schema alone."""
    return _classes.get(kind) or type(kind, (Node,), {"__module__": __name__})


def enum_of(name: str) -> type[IntEnum]:
    """PostgreSQL's enum of that name: the one that `enums` declares, or one that follows the schema alone."""
    if name not in _enums:
        made: Any = IntEnum(name, dict(schema.members(name)))  # type: ignore[misc]
        _enums.setdefault(name, made)
    return _enums[name]


def declare(enum: type[_E]) -> type[_E]:
    """Take an enum as the one of its name."""
    _enums[enum.__name__] = enum
    return enum


def built(tree: Mapping[str, Any]) -> Any:
    """The node that libpg_query's JSON describes. Never recurses by the tree's depth."""
    waiting: list[tuple[Node, Mapping[str, Any]]] = []

    def of_kind(kind: str, content: Mapping[str, Any]) -> Node:
        found = _classes.get(kind) or class_of(kind)
        node = found.__new__(found)
        waiting.append((node, content))
        return node

    def any_node(wrapped: Mapping[str, Any]) -> object:
        for kind, content in wrapped.items():
            if kind in _LISTS:
                return tuple(map(any_node, content.get("items", ())))
            return of_kind(kind, content)
        return None

    def value_of(field: Field, value: Any) -> object:
        if field.holds == "Node":
            return any_node(value)
        if field.holds:
            return of_kind(field.holds, value)
        return enum_of(field.enum)[value] if field.enum else value

    root = any_node(tree)
    while waiting:
        node, content = waiting.pop()
        fields, held = node._fields, node.__dict__
        for name, value in content.items():
            field = fields.get(name)
            if field is None:  # of a constant
                held["val"] = of_kind(_OF_CONSTANTS[name], value)
            elif field.repeated:
                held[name] = tuple(value_of(field, item) for item in value)
            else:
                held[name] = value_of(field, value)
    return root


def walked(tree: object) -> Iterator[Node]:
    """Every node of a tree, in the order in which they are written; never recurses."""
    waiting: list[object] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, tuple | list):
            waiting.extend(reversed(node))
        elif isinstance(node, Node):
            yield node
            waiting.extend(getattr(node, name) for name in reversed(list(node)))
