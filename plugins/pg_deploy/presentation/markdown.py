"""Texts of others in Markdown that a person decides by: they are shown as they are, and can be nothing else than text."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*\[\]#!|<>~&@])")
# Between letters it is part of a name, and opens nothing.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_BARE_LINK = re.compile(r"(?<=[A-Za-z])(:)(?=//)|(?<=www)(\.)", re.IGNORECASE)
# What would make a line a list, a heading or a rule where it comes first.
_LEADING = re.compile(r"^([-+=]|\d+[.)])")
# Signs that nobody sees, and those that turn the order in which text is read around.
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def plain(text: str) -> str:
    """`text` on one line as Markdown that shows it letter by letter: no comment, heading, link, image, fence or emphasis. Pure."""
    line = seen(" ".join(text.split()))
    line = _UNDERSCORE.sub(r"\\_", _SPECIAL.sub(r"\\\1", line))
    line = _BARE_LINK.sub(lambda found: "\\" + found[0], line)
    return _LEADING.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], line)


def seen(text: str) -> str:
    """`text` with each sign that cannot be seen, or that turns the direction of reading, written by its number. Pure."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩" if found[0] not in "\t\r\n" else found[0], text)


def fenced(sql: str, most: int = 20_000, *, whole: str = "see the file") -> str:
    """`sql` as a code block that its own back-ticks cannot end; cut after `most` characters, and says where the `whole` is."""
    fence = "````"
    while fence in sql:
        fence += "`"
    cut = f"\n\n**{len(sql) - most} more characters are not shown here: {whole}.**" if len(sql) > most else ""
    return f"{fence}sql\n{seen(sql[:most]).rstrip()}\n{fence}{cut}"
