"""Names and texts as SQL or a sentence needs them: quoted."""

from __future__ import annotations


def quote(*parts: str) -> str:
    """A qualified name, every part quoted. A per cent sign is escaped, so that no client takes it for a parameter."""
    return ".".join(_quoted(part) for part in parts)


def _quoted(part: str) -> str:
    inner = part.replace('"', '""')
    if "%" not in part:
        return f'"{inner}"'
    return 'U&"' + inner.replace("\\", "\\\\").replace("%", "\\0025") + '"'


def in_quotes(name: str) -> str:
    """A name for a sentence: in quotation marks, unless it has some of its own."""
    return name if '"' in name else f'"{name}"'


def many(label: str, role: str, count: int) -> str:
    """One subject with its role, for a sentence, and how many more of that role it stands for."""
    who = label if label == role else f"{label} ({role})"
    return who if count < 2 else f"{who} and {count - 1} more of that role"


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return (
        "'" + text.replace("'", "''") + "'"
        if "\\" not in text
        else "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    )
