"""A few texts that a regular expression matches, made from its parts; PostgreSQL decides whether they really match."""

from __future__ import annotations

import re
import warnings
from typing import Any

try:
    from re import _parser  # type: ignore[attr-defined]
except ImportError:  # before Python 3.11
    import sre_parse as _parser

MOST = 24
_MOST_REPEATED = 20
_CLASSES = {"category_digit": "1", "category_space": " ", "category_word": "a"}
_POSIX = {
    "[:alpha:]": "a-z",
    "[:alnum:]": "a-z0-9",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:space:]": " ",
}


def texts_that_fit(pattern: str) -> list[str]:
    """Up to 24 texts; none if it is no pattern, or if only the server understands it."""
    for name, stands_for in _POSIX.items():
        pattern = pattern.replace(name, stands_for)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError):
        return []
    return list(dict.fromkeys(_texts_of_parts(parsed)))[:MOST]


def _texts_of_parts(parts: Any) -> list[str]:
    """One text, and others that differ from it in one part: every choice of every part shows in one of them."""
    texts = [_texts_of_part(str(name).lower(), value) or [""] for name, value in parts]
    first = [each[0] for each in texts]
    found = ["".join(first)]
    for place, choices in enumerate(texts):
        found += ["".join((*first[:place], choice, *first[place + 1 :])) for choice in choices[1:]]
    return found


def _texts_of_part(name: str, value: Any) -> list[str]:
    if name == "literal":
        return [chr(value)]
    if name in ("any", "not_literal"):
        return ["x" if name == "any" or chr(value) != "x" else "y"]
    if name == "in":
        return _texts_of_class(value)
    if name in ("max_repeat", "min_repeat", "possessive_repeat"):
        least, most, inner = value
        texts = _texts_of_parts(inner)
        usual = max(least, min(1, most))
        counts = dict.fromkeys([least, min(usual + 1, most), most])
        return [
            *(text * usual for text in texts),
            *(texts[0] * count for count in counts if count != usual and count <= _MOST_REPEATED),
        ]
    if name == "subpattern":
        return _texts_of_parts(value[-1])
    if name == "branch":
        return [text for inner in value[1] for text in _texts_of_parts(inner)]
    return [""]


def _texts_of_class(members: Any) -> list[str]:
    """The members of a class; of a range its ends; of what is left out, one that is not."""
    found: list[str] = []
    for kind, value in members:
        name = str(kind).lower()
        if name == "negate":
            return ["x"]
        if name == "range":
            found += [chr(value[0]), chr(value[1])]
        else:
            found.append(chr(value) if name == "literal" else _CLASSES.get(str(value).lower(), "x"))
    return list(dict.fromkeys(found))
