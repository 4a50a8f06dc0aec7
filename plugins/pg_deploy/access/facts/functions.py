"""With whose rights a function runs, and what the functions behind policies say."""

from __future__ import annotations

import re

from pg_deploy.catalog.dependencies import closure_of, words_of
from pg_deploy.catalog.reader import Fact, Facts

_HEADER = re.compile(r"\A(.*?)^\s*(?:AS\s+\$|BEGIN ATOMIC|RETURN\s)", re.DOTALL | re.MULTILINE)

_COMMENT = re.compile(r"""('(?:[^']|'')*'|"[^"]*")|--[^\n]*|/\*.*?\*/""", re.DOTALL)


def is_definer(fact: Fact) -> bool:
    """Whether a function runs with the rights of its owner."""
    return "SECURITY DEFINER" in header_of(fact)


def header_of(fact: Fact) -> str:
    """What a function's definition says before its body."""
    definition = str(fact.properties.get("definition", ""))
    header = _HEADER.match(definition)
    return header[1] if header else definition


def without_comments(body: str) -> str:
    """A function's body with a space for each comment; text in quotes stays, even if it looks like a comment."""
    return _COMMENT.sub(lambda found: found[1] or " ", body)


def policy_words(facts: Facts) -> frozenset[str]:
    """Every word of the policies and of the functions and views behind them; among them are the columns that they read."""
    closure = closure_of(facts)
    return frozenset().union(*map(words_of, closure.texts_of(closure.of_all_policies)))
