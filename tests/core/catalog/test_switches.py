"""Options that are on or off, as the server reads them, wherever we read them: in facts, in a lint."""

from __future__ import annotations

import re
from pathlib import Path

from pg_deploy.access.facts.differences import access_changes
from pg_deploy.catalog.reader import read_facts
from pg_deploy.catalog.switches import is_on
from pg_deploy.deployment.lints import run_lints
from pg_deploy.postgres.session import Target

PROJECT = Path(__file__).resolve().parents[3]
LINT = "owner_rights_view_open_to_the_api"
ON = ("on", "ON", "true", "True", "t", "tr", "yes", "YE", "y", "1")
OFF = ("off", "of", "OFF", "false", "fal", "f", "no", "n", "0")


def test_every_spelling_that_the_server_takes_means_what_it_means_there(empty_database: str) -> None:
    """A view that reads with the rights of the caller, said to read with its owner's, is a false alarm; the other way a leak."""
    with Target("target_db", empty_database).session("tests") as connection:
        connection.execute("create table public.note (id int); alter table public.note enable row level security")
        before = read_facts(connection)
        for place, word in enumerate((*ON, *OFF)):
            connection.execute(
                f"create view public.seen_{place} with (security_invoker = '{word}') as select id from public.note;"
                f"grant select on public.seen_{place} to anon".encode()
            )
        connection.execute("create view public.plain with (security_invoker) as select id from public.note")
        server = {
            f"public.{name}": (value == "t", text)
            for name, value, text in connection.execute(
                "select c.relname, o.option_value::boolean::text::char(1), o.option_value from pg_catalog.pg_class c "
                "cross join lateral pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker'"
            ).fetchall()
        }
        after = read_facts(connection)
        said = {change.object: change.sentence for change in access_changes(before, after)}
        found = {finding.object for finding in run_lints(connection) if finding.name == LINT}
    assert {text for _, text in server.values()} >= {*ON, *OFF}
    for view, (invoker, text) in server.items():
        assert is_on(after.by_key["view", view].properties["options"], "security_invoker") is invoker, text
        assert (view in found) is not invoker, text
        assert ("rights of its owner" in said[view]) is not invoker, text


def test_no_option_is_compared_as_text() -> None:
    """One place that knows `true` only is enough to call a view safe, or unsafe, by its spelling."""
    compared = re.compile(r"""security_\w+ ?= ?(?:true|on|yes|1)['"]""")
    files = [*(PROJECT / "plugins").rglob("*.sql"), *(PROJECT / "plugins").rglob("*.py")]
    assert [str(path) for path in files if compared.search(path.read_text(encoding="utf-8"))] == []
