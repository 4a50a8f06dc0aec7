"""The books: their blocks of commands, their links, their tables."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
BOOKS = (
    CHECKOUT / "README.md",
    CHECKOUT / "CONTRIBUTING.md",
    CHECKOUT / "SECURITY.md",
    *sorted((CHECKOUT / "docs").glob("*.md")),
)
_BLOCK = re.compile(r"^(?P<indent> *)```sh\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"# not run: (?P<reason>.+)")


@dataclass(frozen=True)
class Block:
    """One fenced block of commands; `reason` says why it is not run, and is empty if it is."""

    book: Path
    line: int
    text: str
    reason: str

    @property
    def name(self) -> str:
        """`file:line`."""
        return f"{self.book.relative_to(CHECKOUT)}:{self.line}"

    @property
    def commands(self) -> tuple[str, ...]:
        """The commands, a line each."""
        return tuple(line for line in self.text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def blocks() -> tuple[Block, ...]:
    """Every block of every book, in order."""
    found = []
    for book in BOOKS:
        content = book.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(content):
            text = textwrap.dedent(match["text"])
            not_run = _NOT_RUN.match(text)
            line = content.count("\n", 0, match.start()) + 1
            found.append(Block(book, line, text, not_run["reason"] if not_run else ""))
    return tuple(found)
