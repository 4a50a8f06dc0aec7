"""Options that are on or off, read as the server reads them: it keeps them as they were written (`on`, `TRUE`, `y`, `1`)."""

from __future__ import annotations

from collections.abc import Iterable

_ON = ("true", "yes", "on")
_OFF = ("false", "no", "off")


def is_on(options: Iterable[str], name: str) -> bool:
    """Whether the option is given and means true. Of several with that name the last one counts."""
    given = [value for each, _, value in (option.partition("=") for option in options) if each == name]
    return bool(given) and means_true(given[-1])


def means_true(value: str) -> bool:
    """PostgreSQL's boolean: 1, or any beginning of true, yes or on that is no beginning of another word; in any case."""
    word = value.strip().lower()
    return word == "1" or (bool(word) and _begins(word, _ON) and not _begins(word, _OFF))


def _begins(word: str, words: Iterable[str]) -> bool:
    return any(each.startswith(word) for each in words)
