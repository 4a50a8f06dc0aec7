"""A statement or a line of it in a message: what may be a secret is not in it."""

from __future__ import annotations

import pytest

from pg_deploy.parsing.summary import shown_line

HIDDEN = {
    "in quotes": ("alter role app password 'hunter2' x", ""),
    "in dollars": ("alter role app password $$hunter2$$ x", ""),
    "in dollars with a tag": ("alter role app password $a$it's hunter2", ""),
    "on a later line": ("hunter2' x", "alter role app password 'first\n"),
    "on a later line, in dollars": ("it's hunter2 $$ x", "alter role app password $$first\n"),
    "behind a context that begins within a string": ("'hunter2' x", "rest of it' password "),
}


@pytest.mark.parametrize("where", HIDDEN)
def test_a_secret_is_masked_wherever_its_string_begins(where: str) -> None:
    """Else the message about a fault in a file prints the password beside it."""
    line, context = HIDDEN[where]

    shown = shown_line(line, context=context)

    assert "hunter2" not in shown
    assert len(shown) == len(line)


def test_what_is_no_string_and_no_secret_is_shown() -> None:
    """Else nobody finds the place."""
    assert shown_line("alter role app password 'x' x") == "alter role app password *** x"
    assert shown_line("insert into t values ('a', $1, $2)") == "insert into t values ('a', $1, $2)"
