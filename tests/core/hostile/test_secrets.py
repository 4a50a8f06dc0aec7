"""Secrets that somebody's SQL, rows or connection hold: not in a log, the ledger, a page or a command line."""

from __future__ import annotations

import logging
import subprocess

import psycopg
import pytest

from pg_deploy.backup.dump import credentials, handed_down
from pg_deploy.deployment.checks import run_check
from pg_deploy.migrations.migration import Query
from pg_deploy.parsing.statements import split_check
from pg_deploy.presentation.secrecy import WithoutSecrets, masked, without_secrets

SECRET = "hunter2-Zq9"


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"passwd: {SECRET}",
        f'"password": "{SECRET}"',
        f"'api_key' => '{SECRET}'",
        f"PGPASSWORD={SECRET} psql",
        f"Authorization: Bearer {SECRET}",
        f"the api key is {SECRET}",
        f"postgresql://user:{SECRET}@host/db",
        f"create role x login password '{SECRET}'",
        f"alter role x encrypted PASSWORD E'{SECRET}'",
        f"secret := '{SECRET}'",
        f"app.settings.jwt_secret='{SECRET}'",
        f"DETAIL: Failing row contains (access_token={SECRET}).",
        f"app.token: {SECRET}",
        f'{{"user": {{"password":"{SECRET}"}}}}',
        f"public.\"token\": '{SECRET}'",
        f"column token = '{SECRET}'",
    ],
)
def test_what_follows_a_word_for_a_secret_is_masked(text: str) -> None:
    """Whoever reads logs and reports must not learn what opens a door."""
    assert SECRET not in without_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "comment on column public.users.password is 'what the user typed, hashed'",
        "column password_hash is null",
        'relation "public.tokens" does not exist',
        "alter table public.api_keys add column secret_name text",
        "select token::text from public.t",
        "password is not set",
        "does not come back: column public.accounts.tokens: 200,000 values",
        'table "api_keys": 3 rows; view public.my_secrets: gone',
        "20250101000001_add_oauth_token: deployed in 3 s",
        "rows of public.user_oauth_token: line 2 changed them",
        "it holds ACCESS EXCLUSIVE on public.user_oauth_token: all statements share one transaction",
        '"20250101000001_reset_password": nothing to do',
    ],
)
def test_what_holds_no_secret_is_shown_as_it_is(text: str) -> None:
    """Else a report says *** where somebody has to understand what happened."""
    assert without_secrets(text) == text


def test_a_line_of_the_log_is_masked_whoever_wrote_it(caplog: pytest.LogCaptureFixture) -> None:
    """A notice, an error and a yaml text come to the log by different ways: they leave it by one."""
    log = logging.getLogger("pg_deploy.tests.secrecy")
    log.addFilter(WithoutSecrets())
    with caplog.at_level(logging.INFO):
        log.info("    %s", f"NOTICE: password={SECRET}")
    assert SECRET not in caplog.text
    assert "password=***" in caplog.text


def test_nothing_under_a_secrets_name_is_kept() -> None:
    """The rows of a check are evidence for years."""
    assert masked({"rows": [f"token={SECRET}"], "api_key": SECRET}) == {"rows": ["token=***"], "api_key": "***"}


def _check(text: str) -> Query:
    return Query("check", text, split_check(text, file="check.sql"), writes=False)


def test_a_checks_rows_show_no_column_that_is_named_like_a_secret(empty_database: str) -> None:
    """A check over api keys shows which row is wrong, not the key."""
    with psycopg.connect(empty_database, autocommit=True) as connection:
        text = f"select 7 as id, '{SECRET}' as api_key, 'password={SECRET}' as problem"
        result = run_check(connection, _check(text), on_copy=False, timeout_s=60)
    assert result.rows == (("7", "***", "password=***"),)


def test_a_command_line_holds_nothing_that_opens_a_door() -> None:
    """What `ps` shows, everybody on the worker reads."""
    conninfo = f"host=/nowhere dbname=x user=y password={SECRET} sslpassword={SECRET} options='-c app.key={SECRET}'"
    with credentials(conninfo) as (plain, environment):
        assert SECRET not in plain
        assert "sslpassword" not in plain
        assert environment["PGPASSWORD"] == SECRET
        (handle,) = handed_down(environment)
        read = subprocess.run(
            ["cat", environment["PGSERVICEFILE"]],
            env=environment,
            pass_fds=(handle,),
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"sslpassword={SECRET}" in read.stdout


def test_a_table_of_that_name_hides_no_sentence_and_a_dotted_key_is_still_one() -> None:
    """A lint's words were masked behind `"public.secrets":`; a key of JSON with a dot in it has a value all the same."""
    told = 'lint error: "public.secrets": row level security is off'
    assert without_secrets(told) == told
    for key in ('{"auth.token": "abc"}', '"auth.token": abc123'):
        assert "abc" not in without_secrets(key)
