"""Statements come from SQL, from each kind of PostgreSQL's logs, and from pgBadger's JSON."""

from __future__ import annotations

import json

import pytest

from pg_deploy.parsing.errors import SqlSyntaxError
from pg_deploy.workload.statements_from_file import workload_from_file

STDERR = """\
2026-11-30 10:00:00.000 UTC [77] app@shop LOG:  statement: select *
\tfrom orders
\twhere id = 5
2026-11-30 10:00:00.100 UTC [77] app@shop LOG:  duration: 0.3 ms  execute <unnamed>: select name from customer where id = $1
2026-11-30 10:00:00.100 UTC [77] app@shop DETAIL:  parameters: $1 = '7'
2026-11-30 10:00:00.200 UTC [78] app@shop LOG:  statement: begin
2026-11-30 10:00:01.000 UTC [78] report@shop LOG:  statement: select * from orders where id = 6
2026-11-30 10:00:01.000 UTC [78] app@shop LOG:  statement: SELECT * FROM orders WHERE id = 7
2026-11-30 10:00:02.000 UTC [78] app@shop LOG:  connection authorized: user=app
"""


def _found(text: str, name: str = "statements.log") -> set[tuple[str, str, float]]:
    return {
        (" ".join(each.text.split()), each.role, each.calls) for each in workload_from_file(text, name, "me").statements
    }


def test_a_log_says_who_sent_what_and_how_often() -> None:
    """Texts that go on in the next line are one; what differs in constants alone is one statement."""
    assert _found(STDERR) == {
        ("select * from orders where id = $1", "app", 1.0),
        ("SELECT * FROM orders WHERE id = $1", "app", 1.0),
        ("select name from customer where id = $1", "app", 1.0),
        ("select * from orders where id = $1", "report", 1.0),
    }


def test_a_log_in_json_is_read_line_by_line() -> None:
    """Some providers give no other."""
    entry = {"user": "app", "message": "statement: select 1 from orders", "error_severity": "LOG"}
    text = "\n".join(json.dumps({**entry, **more}) for more in ({}, {}, {"message": "checkpoint starting"}))

    assert _found(text) == {("select $1 from orders", "app", 2.0)}


def test_a_log_in_csv_is_read_by_its_columns() -> None:
    """As csvlog writes it: the user is the second column, the message the fourteenth."""
    row = '2026-11-30 10:00:00.000 UTC,"app","shop",1,"127.0.0.1:1",x,1,"SELECT",y,1/1,0,LOG,00000,"{}",,,,,,,,,"psql"'

    text = "\n".join(row.format(message) for message in ('statement: select ""a"" from orders', "checkpoint complete"))

    assert _found(text) == {('select "a" from orders', "app", 1.0)}


def test_pgbadgers_json_gives_counts() -> None:
    """Its question marks are parameters."""
    text = json.dumps({"normalyzed_info": {"shop": {"select * from orders where id = ? and note = ?": {"count": 12}}}})

    assert _found(text) == {("select * from orders where id = $1 and note = $2", "me", 12.0)}


def test_a_file_of_sql_is_what_the_role_at_hand_sends() -> None:
    """The queries of a release to come; what is no query is passed over."""
    text = "select 1 from a; insert into b values (1, 'x;y');\ncreate table c (id int);\n"

    assert _found(text, "next.sql") == {("select $1 from a", "me", 1.0), ("insert into b values ($1, $2)", "me", 1.0)}


def test_a_file_that_is_no_sql_is_refused_with_its_line() -> None:
    """Else a typing error would be a statement that nobody asks."""
    with pytest.raises(SqlSyntaxError, match="line 2"):
        workload_from_file("select 1 from a;\nselct 2;\n", "next.sql", "me")


def test_no_secret_of_a_log_is_kept() -> None:
    """Constants become parameters before anything is shown."""
    text = "2026-11-30 10:00:00 UTC [1] app@shop LOG:  statement: update users set password = 'hunter2hunter2' where id = 1\n"

    assert "hunter2" not in str(_found(text))
