"""Findings about statements that share a transaction, and about readers elsewhere."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pg_deploy.migrations.migration import load_all, read_folder
from pg_deploy.preflight.readers_elsewhere import elsewhere_findings
from pg_deploy.preflight.transaction_lint import transaction_findings

ADD = "alter table public.a add constraint c check (b > 0) not valid;"
VALIDATE = "alter table public.a validate constraint c;"


@pytest.mark.parametrize(
    ("sql", "rules"),
    [
        (f"{ADD}\n{VALIDATE}", {"validate-in-the-same-transaction": 2}),
        (f"{ADD}\nvacuum public.a;\n{VALIDATE}", {}),
        (VALIDATE, {}),
        (f"create table public.a (b int);\n{ADD}\n{VALIDATE}", {}),
        (f"create table if not exists public.a (b int);\n{ADD}\n{VALIDATE}", {"validate-in-the-same-transaction": 3}),
        (
            "alter table public.a add column x int;\nupdate public.a set x = 1;",
            {"work-under-access-exclusive": 2},
        ),
        ("update public.a set x = 1;\nalter table public.a add column y int;", {}),
        ("alter table public.a add column x int;\ninsert into public.b values (1);", {}),
    ],
)
def test_work_under_a_lock_of_the_same_transaction_is_found(sql: str, rules: dict[str, int]) -> None:
    """The plan says SHARE UPDATE EXCLUSIVE, yet nobody can write as long as the scan takes."""
    assert {finding.rule: finding.line for finding in transaction_findings(sql)} == rules


def test_a_change_that_stops_a_subscriber_is_reported(empty_database: str, tmp_path: Path) -> None:
    """Else replication stands still, and the server keeps its log until the disk is full."""
    (tmp_path / "20240101000000_a.sql").write_text(
        "alter table public.a add column x int;\nalter table public.b add y int;"
    )
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute("create table public.a (id int primary key); create table public.b (id int primary key)")
        connection.execute("set client_min_messages = error; create publication news for table public.a")
        found = elsewhere_findings(connection, load_all(read_folder(tmp_path)))["20240101000000"]
    assert [(each.rule, each.line) for each in found] == [("published-table-changes", 1)]
    assert "public.a is published by news" in found[0].message
