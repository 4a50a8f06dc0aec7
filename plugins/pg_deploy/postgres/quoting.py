"""Composing SQL text out of names and predicates of the catalog."""

from __future__ import annotations


def quote(*parts: str) -> str:
    """A qualified name, every part quoted; a per cent sign is written so that no client takes it for a parameter."""
    return ".".join(_quoted(part) for part in parts)


def _quoted(part: str) -> str:
    inner = part.replace('"', '""')
    if "%" not in part:
        return f'"{inner}"'
    return 'U&"' + inner.replace("\\", "\\\\").replace("%", "\\0025") + '"'


def in_quotes(name: str) -> str:
    """A name as a sentence has it: in quotation marks, which an identifier may bring along."""
    return name if '"' in name else f'"{name}"'


def many(label: str, role: str, count: int) -> str:
    """Who: one subject with its role, and how many more are meant."""
    who = label if label == role else f"{label} ({role})"
    return who if count < 2 else f"{who} and {count - 1} more of that role"


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return (
        "'" + text.replace("'", "''") + "'"
        if "\\" not in text
        else "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    )
