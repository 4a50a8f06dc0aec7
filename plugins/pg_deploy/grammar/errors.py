"""What PostgreSQL's grammar refuses."""

from __future__ import annotations


class ParseError(Exception):
    """A text that PostgreSQL's parser refuses: its message, and the place in the text (characters, from 0) or None."""


class TooDeepError(ParseError):
    """A tree that is deeper than anybody writes: PostgreSQL itself would refuse it in the same words."""

    def __init__(self) -> None:
        """Say it as PostgreSQL does."""
        super().__init__("stack depth limit exceeded", None)


class PrintError(ValueError):
    """A tree that cannot be printed: no text has it."""
