"""The same case under names that need quotes: a schema with a quote, a dot and a space, relations and types with a space and a dot."""

from __future__ import annotations

import re
from dataclasses import replace

from tests.undo_cases.case import Case

SCHEMA = '"odd "".one"'
_MADE = re.compile(
    r"create\s+(?:or\s+replace\s+)?(?:unlogged\s+|foreign\s+|recursive\s+)?"
    r"(?:table|view|materialized\s+view|sequence|type|domain)\s+(?:if\s+not\s+exists\s+)?public\.([a-z_]\w*)",
    re.IGNORECASE,
)
_NAME = re.compile(r'(?<![\w."])public\.([a-z_]\w*)(?!\w)')
_REST = re.compile(r'(?<![\w."])public(?=\.)')


def with_odd_names(case: Case) -> Case:
    """Each `public.name` of the case, renamed. A name that the server derives itself, as `t_pkey`, may then miss: it is not applied."""
    made = set(_MADE.findall(f"{case.before}\n{case.migration}"))

    def renamed(text: str) -> str:
        text = _NAME.sub(lambda name: f'{SCHEMA}."{name[1]} X.y"' if name[1] in made else name[0], text)
        return _REST.sub(lambda _: SCHEMA, text)

    before = f"create schema {SCHEMA};\n{renamed(case.before)}"
    return replace(case, name=f"{case.name} (odd names)", before=before, migration=renamed(case.migration))
