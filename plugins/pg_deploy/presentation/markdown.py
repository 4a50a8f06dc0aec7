"""Foreign texts inside Markdown that a person decides by. They are shown letter by letter and cannot act as markup."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*\[\]#!|<>~&@])")
# Between two letters an underscore is part of a name: it opens no emphasis.
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_BARE_LINK = re.compile(r"(?<=[A-Za-z])(:)(?=//)|(?<=www)(\.)", re.IGNORECASE)
# At the beginning of a line these would make it a list, a heading or a rule.
_LEADING = re.compile(r"^([-+=]|\d+[.)])")
# Characters that nobody sees, and those that reverse the direction of reading.
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def as_plain_markdown(text: str) -> str:
    """Markdown that shows `text` letter by letter on one line: no comment, heading, link, image, fence or emphasis. Pure."""
    line = with_unseen_shown(" ".join(text.split()))
    line = _UNDERSCORE.sub(r"\\_", _SPECIAL.sub(r"\\\1", line))
    line = _BARE_LINK.sub(lambda found: "\\" + found[0], line)
    return _LEADING.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], line)


def with_unseen_shown(text: str) -> str:
    """`text` with each character that is invisible, or reverses the direction of reading, replaced by its number. Pure."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩" if found[0] not in "\t\r\n" else found[0], text)


def as_code_block(sql: str, most: int = 20_000, *, whole: str = "see the file") -> str:
    """`sql` as a code block that its own back-ticks cannot end. After `most` characters it is cut; `whole` says where the rest is."""
    fence = "````"
    while fence in sql:
        fence += "`"
    cut = f"\n\n**{len(sql) - most} more characters are not shown here: {whole}.**" if len(sql) > most else ""
    return f"{fence}sql\n{with_unseen_shown(sql[:most]).rstrip()}\n{fence}{cut}"
