"""How a value becomes the detail of a row and comes back: by the types of its fields, each under its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

from pg_deploy.ledger.evidence import Evidence
from pg_deploy.presentation.secrecy import masked

_K = TypeVar("_K", bound="Kept")
_hints_of: Callable[[Any], dict[str, Any]] = cache(get_type_hints)


@dataclass(frozen=True)
class Kept:
    """A value that the ledger keeps. What an older version did not write has the field's default, or is empty: never an error."""

    row_columns: ClassVar[tuple[str, ...]] = ("name", "outcome")
    """Fields that the row has outside its detail."""
    only_shown: ClassVar[tuple[str, ...]] = ()
    """Fields whose texts are for people alone, and quote what the catalog holds: they are kept without secrets."""

    def to_detail(self) -> dict[str, Any]:
        """For the ledger."""
        kept = {
            each.name: _to_json(getattr(self, each.name)) for each in fields(self) if each.name not in self.row_columns
        }
        return {name: masked(value) if name in self.only_shown else value for name, value in kept.items()}

    @classmethod
    def from_detail(cls: type[_K], detail: Mapping[str, Any]) -> _K:
        """Back from what `to_detail` gave, with the columns beside it."""
        kept = {name: value for name, value in detail.items() if value is not None}
        return cls(
            **{
                each.name: _from_json(_hints_of(cls)[each.name], kept.get(each.name))
                for each in fields(cls)
                if each.name in kept or each.default is MISSING
            }
        )

    @classmethod
    def from_row(cls: type[_K], row: Evidence) -> _K:
        """Back from the ledger."""
        return cls.from_detail({**row.detail, "name": row.name, "outcome": row.outcome})


def _to_json(value: object) -> object:
    if isinstance(value, Kept):
        return value.to_detail()
    return [_to_json(each) for each in value] if isinstance(value, tuple) else value


def _from_json(hint: Any, kept: Any) -> Any:
    parts = get_args(hint)
    if NoneType in parts:
        return None if kept is None else _from_json(parts[0], kept)
    if get_origin(hint) is tuple:
        if Ellipsis in parts:
            return tuple(_from_json(parts[0], each) for each in kept or ())
        return tuple(map(_from_json, parts, kept))
    if issubclass(hint, Kept):
        return hint.from_detail(kept or {})
    return hint() if kept is None else hint(kept)
