"""What several tests of this room begin with."""

from __future__ import annotations

import pytest

from tests.looking import Database


@pytest.fixture
def database(empty_database: str) -> Database:
    """A target with an older table that has rows."""
    found = Database(empty_database)
    found.give_nothing_new_to_the_api()
    found.run("create table public.old (id int, email text)")
    found.run("insert into public.old values (1, 'a'), (2, 'b')")
    return found
