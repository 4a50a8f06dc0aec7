"""What cannot work is refused by preflight, in one sentence a fault, and nothing is changed.

A table tries each fault of the files and the target by itself; whole runs show how a run ends, for each place of a fault.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from demo.cluster_files import Cluster
from pg_deploy.catalog import reader as catalog
from pg_deploy.configuration.conf import DeployConf, checked_conf
from pg_deploy.errors import PgDeployError, PreflightError
from pg_deploy.ledger import schema
from pg_deploy.migrations import history
from pg_deploy.postgres.session import Target
from pg_deploy.preflight.claiming import Identity
from pg_deploy.preflight.preflight import preflight
from tests.core.preflight.conftest import as_postgres, free_port, wait_for
from tests.dags.harness import Result, run_dag

PGBOUNCER = Path("/usr/sbin/pgbouncer")
A, B = "20260101000000_a", "20260102000000_b"
GOOD = "create table public.{name} (id int primary key);\n"

# Files by path below the folder; the conf; a piece of each sentence of the refusal, in their order.
Files = Mapping[str, str | bytes]
CASES: dict[str, tuple[Files, dict[str, Any], list[str]]] = {
    "a name off the pattern": (
        {"2026-a.sql": GOOD, "20260101000000.sql": GOOD},
        {},
        ['"2026-a.sql" is not named like a migration: after the digits', '"20260101000000.sql" is not named like'],
    ),
    "two files of one version": (
        {f"{A}.sql": GOOD, "20260101000000_b.sql": GOOD},
        {},
        [
            f'"{A}.sql" and "20260101000000_b.sql" have the same version 20260101000000, and the history keeps',
            "make baseline CONF",
        ],
    ),
    "an empty file": ({f"{A}.sql": " \n"}, {}, [f'"{A}.sql" holds no SQL statement']),
    "a file of comments": ({f"{A}.sql": "-- to do\n/* later */ ;\n"}, {}, [f'"{A}.sql" holds no SQL statement']),
    "a file that is not UTF-8": (
        {f"{A}.sql": b"select 1;\n-- caf\xe9\n"},
        {},
        [f'"{A}.sql" line 2, column 7 is not UTF-8, byte 0xE9', "iconv -f WINDOWS-1252 -t UTF-8"],
    ),
    "a syntax error": (
        {f"{A}.sql": "create table public.t (\n    id int,\n    nane txt,,\n);\n"},
        {},
        [f'"{A}.sql" line 3, column 14: syntax error at or near ",", correct it:\n    nane txt,,\n             ^'],
    ),
    "a commit inside": (
        {f"{A}.sql": "create table public.a ();\ncommit;\nbegin;\ncreate table public.b ();\n"},
        {},
        [f'"{A}.sql" line 2: "commit" controls the transaction, remove it'],
    ),
    "transaction control in a check": (
        {f"{A}.sql": GOOD, f"{A}/verify/all_is_well.sql": "begin;\nselect 1 where false;\nrollback;\n"},
        {},
        [f'"{A}/verify/all_is_well.sql" line 1: "begin" controls the transaction, remove it: a check runs in'],
    ),
    "an unknown key in migration.yaml": (
        {f"{A}.sql": GOOD, f"{A}/migration.yaml": "riks: low\n"},
        {},
        [f"\"{A}/migration.yaml\" cannot be used: unknown key 'riks'; known keys here: title, risk"],
    ),
    "bad values in migration.yaml": (
        {
            f"{A}.sql": GOOD,
            f"{A}/migration.yaml": "risk: huge\nexpected_duration: soon\nrequires_extensions: pg_cron\n",
        },
        {},
        [
            "'risk' is 'huge': input should be 'low', 'medium', 'high' or 'unknown'; correct it",
            "'expected_duration' is 'soon': \"soon\" is not a duration; write a number and ms, s, min or h",
            "'requires_extensions' is 'pg_cron': input should be a valid tuple",
        ],
    ),
    "broken YAML": (
        {f"{A}.sql": GOOD, f"{A}/migration.yaml": "title: [a\nrisk: low\n"},
        {},
        [f'"{A}/migration.yaml" cannot be used: while parsing a flow sequence'],
    ),
    "a misspelt directive": (
        {f"{A}.sql": GOOD, f"{A}/verify/all_is_well.sql": "-- check: wirtes\nselect 1 where false;\n"},
        {},
        [f'"{A}/verify/all_is_well.sql" says "wirtes" in its first line, which means nothing; use writes or rehearsal'],
    ),
    "a benchmark without its file": (
        {f"{A}.sql": GOOD, f"{A}/migration.yaml": "benchmarks:\n  dashboard:\n    goal: {max_ms: 50}\n"},
        {},
        [f'"{A}/migration.yaml" names the benchmark "dashboard", but there is no benchmarks/dashboard.sql; write it'],
    ),
    "an orphan companion": (
        {f"{A}.sql": GOOD, f"{B}/rollback.sql": "select 1;\n"},
        {},
        [f'folder "{B}" has no "{B}.sql" beside it; rename it to its migration\'s name or delete it'],
    ),
    "an unreadable rollback": (
        {f"{A}.sql": GOOD, f"{A}/rollback.sql": "drop tabel public.a;\n"},
        {},
        [f'"{A}/rollback.sql" line 1, column 6: syntax error at or near "tabel"'],
    ),
    "a choice that does not exist": (
        {f"{A}.sql": GOOD},
        {"migrations": ["20991231000000"]},
        [f'"20991231000000" was not found; there are: {A}'],
    ),
    "an extension that the server does not have": (
        {f"{A}.sql": GOOD, f"{A}/migration.yaml": "requires_extensions: [no_such_thing]\n"},
        {},
        ['extension "no_such_thing" is required and the server of "', "install its package on the server"],
    ),
    "an extension that is created in no file": (
        {f"{A}.sql": GOOD, f"{A}/migration.yaml": "requires_extensions: [citext]\n"},
        {},
        ['extension "citext" is required and not installed in "', "run `create extension if not exists citext;`"],
    ),
    "an extension that only a later file creates": (
        {
            f"{A}.sql": GOOD,
            f"{A}/migration.yaml": "requires_extensions: [citext]\n",
            f"{B}.sql": "create extension citext;\n",
        },
        {},
        ['extension "citext" is required and not installed in "'],
    ),
    "creating an extension that the server does not have": (
        {f"{A}.sql": "create extension if not exists no_such_thing;\n"},
        {},
        ['extension "no_such_thing" is required and the server of "'],
    ),
    "a table of somebody else": (
        {f"{A}.sql": "alter table auth.users add column nickname text;\n"},
        {},
        ['role "postgres" lacks 1 right', f'{A}.sql line 1: "auth.users" belongs to "supabase_auth_admin"'],
    ),
    "many faults at once": (
        {
            "2026-a.sql": GOOD,
            f"{A}.sql": "selekt 1;\n",
            f"{A}/migration.yaml": "riks: low\n",
            f"{A}/verify/x.sql": "commit;\n",
            f"{B}.sql": GOOD,
            f"{B}/migration.yaml": "requires_extensions: [no_such_thing]\n",
        },
        {"migrations": [A, B, "20991231000000"]},
        [
            '"2026-a.sql" is not named like a migration',
            '"20991231000000" was not found',
            f'"{A}.sql" line 1, column 1: syntax error',
            "unknown key 'riks'",
            f'"{A}/verify/x.sql" line 1',
            'extension "no_such_thing"',
        ],
    ),
}
ACCEPTED: dict[str, Files] = {
    "begin and commit around the whole file": {f"{A}.sql": "begin;\ncreate table public.a ();\ncommit;\n"},
    "an extension that an earlier file creates": {
        f"{A}.sql": "create extension citext;\n",
        f"{B}.sql": GOOD,
        f"{B}/migration.yaml": "requires_extensions: [citext]\n",
    },
    "a byte order mark": {f"{A}.sql": "\ufeffcreate table public.a ();\n"},
}


def write(folder: Path, files: Files) -> None:
    """Write the files; in GOOD the table is named after the file."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        given = content.replace("{name}", path.stem.split("_", 1)[-1]).encode() if isinstance(content, str) else content
        path.write_bytes(given)


def prepare(url: str, folder: Path, **conf: Any) -> int:
    """Run preflight alone; returns how many migrations it pinned."""
    identity = Identity("deploy_migrations", "test", "tester")
    log = logging.getLogger("pg_deploy")
    return preflight(
        Target("target_db", url), checked_conf(DeployConf, conf), folder, identity, good_for=60, log=log
    ).pinned


def deploy(url: str, folder: Path, **conf: Any) -> Result:
    return run_dag("deploy_migrations", url, folder, {"approval": "none", **conf})


def state_of(url: str) -> tuple[str, bool, list[str]]:
    """Fingerprint, whether there is a ledger, and the versions of the history."""
    with psycopg.connect(url, autocommit=True) as connection:
        return catalog.read_facts(connection).fingerprint, schema.exists(connection), list(history.read(connection))


@contextlib.contextmanager
def unchanged(url: str, *, ledger: bool = False) -> Iterator[None]:
    """Nothing in the database differs afterwards: catalog, ledger, history."""
    before = state_of(url)
    assert before[1] is ledger
    yield
    assert state_of(url) == before


def assert_refused_before_anything(result: Result, *stems: str) -> None:
    """The run is red, preflight failed, and no task of any group did anything to the database."""
    assert result.state == "failed", result.text
    assert result.tasks["preflight"] == "failed"
    assert result.tasks["approve_earlier"] == "upstream_failed"
    assert result.tasks["earlier"] == "upstream_failed"
    for stem in stems:
        states = result.group(stem)
        # The task decide may run although the gate was never reached: it finds nothing to undo.
        assert states.pop("decide") in {"success", "skipped"}
        assert len(states) == 7
        assert set(states.values()) <= {"upstream_failed", "skipped"}
    assert result.tasks["undo_earlier"] == "success"
    assert result.tasks["report"] == "failed"
    assert "preflight failed, nothing was changed" in result.text


@pytest.mark.parametrize("case", CASES)
def test_preflight_refuses_and_a_dry_run_just_the_same(case: str, empty_database: str, tmp_path: Path) -> None:
    """Else the fault shows in the middle of a deployment, with half of it in production, though a dry run said yes."""
    files, conf, sentences = CASES[case]
    write(tmp_path, files)
    messages = []
    for dry_run in (True, False):
        with unchanged(empty_database), pytest.raises(PreflightError) as caught:
            prepare(empty_database, tmp_path, dry_run=dry_run, **conf)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    message = messages[1]
    position = 0
    for piece in sentences:
        assert piece in message[position:], f"{piece!r} is not in, or not in this order:\n{message}"
        position = message.index(piece, position)
    assert "Traceback" not in message


@pytest.mark.parametrize("case", ACCEPTED)
def test_preflight_accepts(case: str, empty_database: str, tmp_path: Path) -> None:
    """A false refusal stops a team that did nothing wrong."""
    write(tmp_path, ACCEPTED[case])
    with unchanged(empty_database):
        prepare(empty_database, tmp_path, dry_run=True)
    assert prepare(empty_database, tmp_path) == sum(name.count("/") == 0 for name in ACCEPTED[case])


@pytest.mark.acceptance
def test_a_run_with_bad_files_names_all_of_them_and_touches_nothing(empty_database: str, tmp_path: Path) -> None:
    """One fault a run would take as many runs as there are faults."""
    files, conf, sentences = CASES["many faults at once"]
    write(tmp_path, files)
    with unchanged(empty_database):
        result = deploy(empty_database, tmp_path, **conf)
    assert_refused_before_anything(result, A, B)
    for piece in sentences:
        assert piece in result.text


@pytest.mark.parametrize(
    ("conf", "sentences"),
    [
        ({"dryrun": True}, ['the conf holds the unknown key "dryrun"; known keys: target, migrations']),
        ({"lock_budget": "soon"}, ['conf key "lock_budget" is \'soon\': "soon" is not a duration; write a number']),
        ({"lock_budget": 0}, ['conf key "lock_budget" is 0: input should be greater than or equal to 0.001']),
        ({"give_up_after": "-1 s"}, ['conf key "give_up_after" is \'-1 s\': "-1 s" is not a duration']),
        (
            {"dryrun": True, "statement_timeout": -1, "give_up_after": "x"},
            ['unknown key "dryrun"', 'conf key "statement_timeout" is -1', "conf key \"give_up_after\" is 'x'"],
        ),
        ({"target": "nowhere_db"}, ['there is no Airflow connection "nowhere_db"; create it under Admin']),
        (
            {"target": "postgresql://u:hun@ter2@h/d"},
            ['there is no Airflow connection "postgresql://u:***@h/d"; create it under Admin'],
        ),
        (
            {"migrations_folder": "/elsewhere@sha256:00"},
            ['but this run was triggered for "/elsewhere@sha256:00"; wait until the DAG was parsed again'],
        ),
    ],
)
def test_a_run_with_a_bad_conf_touches_nothing(
    empty_database: str, tmp_path: Path, conf: dict[str, Any], sentences: list[str]
) -> None:
    """A misspelt dry_run would deploy for real; Airflow itself accepts any key."""
    write(tmp_path, {f"{A}.sql": GOOD})
    with unchanged(empty_database):
        result = deploy(empty_database, tmp_path, **conf)
    assert_refused_before_anything(result, A)
    for piece in sentences:
        assert piece in result.text
    assert "ter2" not in result.text


@pytest.mark.parametrize(
    ("key", "value"), [("dry_run", "yes"), ("migrations", "all"), ("approval", "maybe"), ("target", 5)]
)
def test_a_value_of_the_wrong_type_starts_no_run(empty_database: str, tmp_path: Path, key: str, value: object) -> None:
    """The Param's schema refuses it in the form and in the API; the first task refuses what the schema lets pass."""
    from airflow.sdk.exceptions import ParamValidationError

    write(tmp_path, {f"{A}.sql": GOOD})
    with unchanged(empty_database):
        with pytest.raises(ParamValidationError, match=key):
            deploy(empty_database, tmp_path, **{key: value})
        with pytest.raises(PgDeployError, match=f'conf key "{key}" is .*; correct it and trigger again'):
            checked_conf(DeployConf, {key: value})


def test_who_still_asks_for_a_copy_on_the_target_reads_what_to_use() -> None:
    """It was a choice once: who chose it needs to read which one replaces it, and not only "is not one of"."""
    with pytest.raises(
        PgDeployError, match=r"'on_target': no copy is made .*: use full, .* or clone, on .* rehearsal_db; correct"
    ):
        checked_conf(DeployConf, {"rehearse": "on_target"})


def test_an_unreachable_target_is_named_with_what_to_look_at(empty_database: str, tmp_path: Path) -> None:
    """The most common fault of a new installation must not look like a bug of ours."""
    write(tmp_path, {f"{A}.sql": GOOD, "2026-a.sql": GOOD})
    with unchanged(empty_database):
        result = deploy(with_port(empty_database, free_port()), tmp_path)
    assert_refused_before_anything(result, A)
    assert 'cannot connect to target "target_db": ' in result.text
    assert "check the host, port, user and password of the Airflow connection" in result.text
    assert '"2026-a.sql" is not named like a migration' in result.text


def test_a_wrong_password_is_refused_and_printed_nowhere(
    empty_database: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Logs of a deployment are read by more people than may know the password, and a wrong one is nearly the right one."""
    write(tmp_path, {f"{A}.sql": GOOD})
    parts = urlsplit(empty_database)
    wrong = urlunsplit(parts._replace(netloc=f"{parts.username}:nearly-s3cret@{parts.hostname}:{parts.port}"))
    caplog.set_level(logging.DEBUG)
    with unchanged(empty_database):
        result = deploy(wrong, tmp_path)
    assert_refused_before_anything(result, A)
    assert 'password authentication failed for user "postgres"' in result.text
    printed = capfd.readouterr()
    everything = [result.text, printed.out, printed.err, caplog.text]
    logs = Path(os.environ["AIRFLOW_HOME"])
    everything += [path.read_bytes().decode(errors="replace") for path in logs.rglob("*") if path.is_file()]
    assert any("password authentication failed" in text for text in everything[1:])
    assert not any("nearly-s3cret" in text for text in everything)


def test_an_edited_file_is_refused_after_its_deployment(empty_database: str, tmp_path: Path) -> None:
    """The database would hold one text and the folder another, and nobody could tell which is meant."""
    write(tmp_path, {f"{A}.sql": GOOD})
    assert deploy(empty_database, tmp_path).state == "success"
    write(tmp_path, {f"{A}.sql": "create table public.a (id bigint primary key);\n", f"{B}.sql": GOOD})
    with unchanged(empty_database, ledger=True):
        result = deploy(empty_database, tmp_path)
    assert_refused_before_anything(result, A, B)
    assert (
        f'"{A}.sql" was edited after it was deployed; restore the deployed text and put the change into' in result.text
    )
    write(tmp_path, {f"{A}.sql": b"\xff", f"{B}.sql": GOOD})
    with unchanged(empty_database, ledger=True), pytest.raises(PreflightError) as caught:
        prepare(empty_database, tmp_path)
    # One fault gives one sentence: the file is not called missing as well.
    assert [type(fault).__name__ for fault in caught.value.faults] == ["NotUtf8Error"]


def test_a_version_without_a_file_is_refused(empty_database: str, tmp_path: Path) -> None:
    """A checkout that lacks a colleague's migration must not be deployed over it."""
    write(tmp_path, {f"{A}.sql": GOOD})
    record(empty_database, "20250101000000")
    with unchanged(empty_database), pytest.raises(PreflightError) as caught:
        prepare(empty_database, tmp_path)
    assert "the history holds version 20250101000000, but the folder has no such file; add the missing file" in str(
        caught.value
    )


def test_a_faulty_file_that_others_applied_is_left_alone(empty_database: str, tmp_path: Path) -> None:
    """A history of years holds such files, and nobody has to do anything with them; nor are they missing."""
    write(tmp_path, {f"{A}.sql": b"\xff", f"{B}.sql": GOOD})
    record(empty_database, "20260101000000")
    assert prepare(empty_database, tmp_path) == 1


def test_an_older_pending_version_needs_out_of_order(empty_database: str, tmp_path: Path) -> None:
    """It was written against an older schema than it would meet."""
    write(tmp_path, {f"{A}.sql": GOOD, f"{B}.sql": GOOD})
    record(empty_database, "20260102000000")
    with unchanged(empty_database), pytest.raises(PreflightError) as caught:
        prepare(empty_database, tmp_path)
    assert f'"{A}" is older than the newest applied version 20260102000000; rename to a later' in str(caught.value)
    assert prepare(empty_database, tmp_path, out_of_order=True) == 1


@pytest.mark.acceptance
def test_an_older_version_that_was_rolled_back_needs_no_out_of_order(empty_database: str, tmp_path: Path) -> None:
    """It had its turn in order; corrected, it must be deployable with no switch that also lets others through."""
    write(
        tmp_path,
        {
            f"{A}.sql": GOOD,
            f"{A}/rollback.sql": "drop table public.a;\n",
            f"{A}/verify/it_has_rows.sql": "select 'empty' where not exists (select from public.a);\n",
            f"{B}.sql": GOOD,
        },
    )
    assert deploy(empty_database, tmp_path).group(A)["rollback"] == "success"
    assert deploy(empty_database, tmp_path, migrations=[B]).state == "success"
    (tmp_path / A / "verify" / "it_has_rows.sql").unlink()
    result = deploy(empty_database, tmp_path)
    assert result.state == "success", result.text
    assert state_of(empty_database)[2] == ["20260101000000", "20260102000000"]


def test_a_server_that_takes_no_writes_is_refused(empty_database: str, tmp_path: Path) -> None:
    """Supabase turns a project read-only when its disk is full: the sentence must say so, not SQLSTATE 25006."""
    write(tmp_path, {f"{A}.sql": GOOD})
    with psycopg.connect(empty_database, autocommit=True) as connection:
        connection.execute(
            f'alter database "{urlsplit(empty_database).path[1:]}" set default_transaction_read_only = on'
        )
    with unchanged(empty_database):
        result = deploy(empty_database, tmp_path)
    assert_refused_before_anything(result, A)
    assert "are read-only (default_transaction_read_only = on; Supabase sets it when the disk is full)" in result.text


@pytest.mark.acceptance
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_only_a_pooler_that_keeps_sessions_apart_is_accepted(
    mode: str, empty_database: str, demo_cluster: Cluster, tmp_path: Path
) -> None:
    """Through port 6543 our SET ROLE and our locks would reach other clients of the application."""
    write(tmp_path, {f"{A}.sql": GOOD})
    with pgbouncer(empty_database, mode) as port:
        if mode == "session":
            result = deploy(with_port(empty_database, port), tmp_path)
            assert result.state == "success", result.text
            assert state_of(empty_database)[2] == ["20260101000000"]
            return
        with unchanged(empty_database):
            result = deploy(with_port(empty_database, port), tmp_path)
    assert_refused_before_anything(result, A)
    assert (
        f'"127.0.0.1:{port}" is a transaction pooler, where settings, SET ROLE and advisory locks leak' in result.text
    )
    assert "pool_mode = session (Supabase: port 5432, not 6543)" in result.text


def record(url: str, version: str) -> None:
    """Let the history hold a version, as the CLI writes it."""
    with psycopg.connect(url, autocommit=True) as connection:
        history.ensure(connection)
        history.insert(connection, version, "x", ["select 1"])


def with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{port}")))


@contextlib.contextmanager
def pgbouncer(url: str, mode: str) -> Iterator[int]:
    """The real one, before the database of `url`; its port."""
    if not PGBOUNCER.exists():
        pytest.fail("pgbouncer is missing: run `make test-packages`")
    parts = urlsplit(url)
    port = free_port()
    directory = Path(tempfile.mkdtemp(prefix="bad-input-"))
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host={parts.hostname} port={parts.port} user={parts.username} password={parts.password}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = {mode}\ndefault_pool_size = 10\n"
    )
    if os.geteuid() == 0:
        shutil.chown(directory, "postgres", "postgres")
        shutil.chown(configuration, "postgres", "postgres")
    process = as_postgres([str(PGBOUNCER), str(configuration)])
    try:
        wait_for(with_port(url, port), process)
        yield port
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(directory)
