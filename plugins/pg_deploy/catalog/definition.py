"""The wording of a fact's definition: one text for one meaning, whichever server, or version of ours, it came from.

What the server keeps for itself is no part of it: names of options that begin with pg_ are PostgreSQL's own. From the minor
releases of 2026-11-12 on it writes a random `pg_attver=…` into the options of every new column, and no two databases made
by the same statements agree on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_OF_THE_SERVER = "pg_"
_RENAMED = {"colllocale": "colliculocale"}
"""What commit f1aec9f took whole from a server of version 17 or later, and its name in older ones, which is the one we keep."""


def definition_of(properties: Mapping[str, Any]) -> str:
    """The definition as text: JSON with sorted keys, without what is false, empty, absent, or the server's own."""
    ours = {
        name: _without_the_servers(value) if name.endswith("options") and isinstance(value, list) else value
        for name, value in properties.items()
    }
    # a version that knows one property more, unused, reads the same
    kept = {
        name: value
        for name, value in ours.items()
        if value is not None and value is not False and value != []  # and 0 is a value
    }
    return json.dumps(kept, sort_keys=True, ensure_ascii=False)


def as_worded_today(kept: str) -> str:
    """A definition that was kept, by this version or an older one, as it would be read from the same object now."""
    if not any(f'"{name}' in kept for name in (_OF_THE_SERVER, *_RENAMED)):
        return kept
    return definition_of({_RENAMED.get(name, name): value for name, value in json.loads(kept).items()})


def _without_the_servers(options: list[str]) -> list[str]:
    return [option for option in options if not option.startswith(_OF_THE_SERVER)]
