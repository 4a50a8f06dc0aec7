"""Restore a backup into a database: first what the cluster shares, then the extensions, then the dump.

Every error fails the restore, except the few that are known to mean nothing.
"""

from __future__ import annotations

import logging
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from pg_deploy.backup.dump import credentials, handed_down
from pg_deploy.backup.errors import RestoreFailedError
from pg_deploy.backup.manifest import BackupManifest, ExpectedError, Extension, read_facts_file
from pg_deploy.backup.plain_role import plain_role
from pg_deploy.catalog.reader import Facts
from pg_deploy.configuration.duration import format_duration
from pg_deploy.parsing.tree import unquoted
from pg_deploy.postgres.programs import Programs
from pg_deploy.postgres.session import Connection, Target, one_line

# A schema's name may be in capitals too: the kinds that are told apart here come first, each as a whole.
_ENTRY = re.compile(
    r"^\d+; \d+ \d+ (?P<kind>TABLE DATA|SEQUENCE SET|CHECK CONSTRAINT|EVENT TRIGGER|SECURITY LABEL|COMMENT|[A-Z]+(?: [A-Z]+)*)"
    r" (?P<schema>\S+) (?P<rest>.*)$"
)
# pg_restore writes `pg_restore:`, ` `, `error: ` and the message one by one. With several jobs those of other jobs come in between.
_ERROR = re.compile(
    r"^(?:(?:pg_restore:|error:| )*(?:could not execute query: (?:ERROR:\s+)?|(?=COPY failed for table ))"
    r"|(?:pg_restore:|error:| )*error: )(?P<text>.*)$",
    re.MULTILINE,
)
_EXPECTED = (
    ExpectedError(r'unrecognized configuration parameter "transaction_timeout"', "pg_dump is newer than the server"),
)
_HOW_MANY = re.compile(r"errors ignored on restore: (\d+)")


@dataclass(frozen=True)
class MadeExtension:
    """How an extension came into the copy: whether it is the real one, and a sentence about what is not rehearsed."""

    is_real: bool
    note: str | None = None


MakeExtension = Callable[[Connection, Extension], MadeExtension]


@dataclass(frozen=True)
class Restored:
    """What the restore left out or replaced, as sentences, and the errors that were expected.

    `stand_ins` are the extensions that are not real. `login_triggers` are the event triggers that would fire at each of our
    own connections, so they are left out.
    """

    notes: tuple[str, ...]
    expected_errors: tuple[str, ...]
    stand_ins: tuple[str, ...]
    login_triggers: tuple[str, ...] = ()


def restore(
    manifest: BackupManifest,
    folder: Path,
    admin: Target,
    programs: Programs,
    make_extension: MakeExtension,
    *,
    jobs: int,
    log: logging.Logger,
    left_out: Sequence[str] = (),
    with_globals: bool = True,
    also_expected: Sequence[ExpectedError] = (),
) -> Restored:
    """Restore the checked `folder` into the empty database behind `admin`, a superuser there. Commits as it goes.

    `left_out` are schemas that stay out. `also_expected` are further errors that mean nothing. `with_globals`: the server is
    ours, so roles and settings are made too. Raises RestoreFailedError, which names every unexpected error.
    """
    excused = (*_EXPECTED, *also_expected)
    started = time.monotonic()
    entries = _entries(programs, folder)
    unexpected: list[str] = []
    notes: list[str] = []
    stand_ins: list[str] = []
    expected: list[str] = []
    lacking: list[str] = []
    with admin.session("restore") as connection:
        if with_globals:
            unexpected += _run_globals(connection, manifest, excused)
        made_by_extensions = {schema for each in manifest.extensions for schema in each.schemas}
        schemas = [
            line for line, kind, schema, rest in entries
            if kind == "SCHEMA" and _first(rest) not in {*left_out, *made_by_extensions}
        ]  # fmt: skip
        _run(excused, programs, folder, admin, schemas, 1, expected, unexpected)
        for extension in manifest.extensions:
            try:
                made = make_extension(connection, extension)
            except psycopg.Error as error:
                unexpected.append(f'extension "{extension.name}": {one_line(str(error))}')
                continue
            notes += [made.note] if made.note else []
            if not made.is_real:
                stand_ins.append(extension.name)
                lacking += [made.note] if made.note else []
    unavailable = tuple(extension for extension in manifest.extensions if extension.name in stand_ins)
    login_triggers = _login_triggers(manifest, folder)
    notes += [
        f"event trigger {name} fires at each login: it is left out here, and did not fire" for name in login_triggers
    ]
    remaining = [
        line for line, kind, schema, rest in entries
        if kind not in ("SCHEMA", "EXTENSION", "SUBSCRIPTION") and not _is_left_out(kind, schema, rest, left_out, unavailable)
        and not _is_of(kind, rest, login_triggers)
    ]  # fmt: skip
    if any(kind == "SUBSCRIPTION" for _, kind, _, _ in entries):
        notes.append("subscriptions are not made in the copy")
    log.info("  restoring %d objects with %d jobs", len(remaining), jobs)
    if with_globals:
        _run_in_parts(excused, programs, folder, admin, remaining, jobs, expected, unexpected)
    else:
        _run(excused, programs, folder, admin, remaining, jobs, expected, unexpected)
    if unexpected:
        raise RestoreFailedError(
            manifest.name, [*unexpected, *lacking], cause=programs.why_too_old(manifest.server_version)
        )
    log.info("  restored in %s", format_duration(time.monotonic() - started))
    return Restored(tuple(notes), tuple(expected), tuple(stand_ins), login_triggers)


def restore_login_triggers(
    manifest: BackupManifest, folder: Path, admin: Target, programs: Programs, restored: Restored
) -> None:
    """Make the triggers that fire at each login, after everything else: by now rows were compared, so none can be written before.

    Commits. Raises RestoreFailedError.
    """
    lines = [line for line, kind, _, rest in _entries(programs, folder) if _is_of(kind, rest, restored.login_triggers)]
    unexpected: list[str] = []
    _run(_EXPECTED, programs, folder, admin, lines, 1, [], unexpected)
    if unexpected:
        raise RestoreFailedError(manifest.name, unexpected)


def _login_triggers(manifest: BackupManifest, folder: Path) -> tuple[str, ...]:
    facts = read_facts_file(manifest, folder).facts
    return tuple(
        sorted(
            each.identity.name for each in facts if each.kind == "event trigger" and each.properties["event"] == "login"
        )
    )


def _is_of(kind: str, rest: str, triggers: Sequence[str]) -> bool:
    """Whether an entry makes one of these event triggers, or puts a comment or label on it."""
    plain = [unquoted(name) for name in triggers]
    if kind == "EVENT TRIGGER":
        return _first(rest) in plain
    return kind in ("COMMENT", "SECURITY LABEL") and _first(rest) in {
        f"EVENT TRIGGER {name}" for name in (*plain, *triggers)
    }


def restore_cron_jobs(admin: Connection, facts: Facts, database: str) -> int:
    """Write the jobs of the facts into cron.job, as they were; returns how many. Commits."""
    jobs = [(fact.properties, fact.identity) for fact in sorted(facts.facts) if fact.kind == "cron job"]
    for properties, name in jobs:
        job_database = properties.get("database", "this database")
        admin.execute(
            """insert into cron.job (schedule, command, nodename, nodeport, database, username, active, jobname)
            values (%s, %s, 'localhost', 5432, %s, %s, %s, %s)""",
            [
                properties["schedule"],
                properties["command"],
                database if job_database == "this database" else job_database,
                properties["user"],
                bool(properties.get("active")),
                None if str(name).startswith("command: ") else str(name),
            ],
        )
    return len(jobs)


def restore_invalid_indexes(admin: Connection, facts: Facts) -> tuple[str, ...]:
    """Make the indexes that pg_dump leaves out, because a failed CONCURRENTLY build left them invalid. Commits."""
    made = []
    for fact in sorted(facts.facts):
        if fact.kind != "index" or not fact.properties.get("invalid"):
            continue
        if (admin.execute("select pg_catalog.to_regclass(%s)", [fact.identity]).fetchone() or [None])[0] is not None:
            continue
        definition = str(fact.properties["definition"])
        concurrently = re.sub(r"^CREATE (UNIQUE )?INDEX ", r"CREATE \1INDEX CONCURRENTLY ", definition)
        # If this fails, it fails as on the target, and leaves the same index behind.
        with suppress(psycopg.Error):
            admin.execute(concurrently.encode())
        admin.execute(
            """update pg_catalog.pg_index set indisvalid = false, indisready = %s
            where indexrelid = pg_catalog.to_regclass(%s)""",
            [not fact.properties.get("not ready"), fact.identity],
        )
        made.append(fact.identity)
    return tuple(made)


def _entries(programs: Programs, folder: Path) -> list[tuple[str, str, str, str]]:
    listed = subprocess.run(
        [programs.path("pg_restore"), "--list", str(folder / "dump")],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        cwd="/",
    )
    if listed.returncode:
        raise RestoreFailedError(folder.name, [one_line(listed.stderr)])
    matches = map(_ENTRY.match, listed.stdout.splitlines())
    return [(match.string, match["kind"], match["schema"], match["rest"]) for match in matches if match]


def _is_left_out(kind: str, schema: str, rest: str, left_out: Iterable[str], unavailable: Iterable[Extension]) -> bool:
    about = rest.split(" ")
    if schema in left_out or (schema == "-" and about[:1] == ["SCHEMA"] and about[1] in left_out):
        return True
    for extension in unavailable:
        # What this extension would have made is missing here, so its rights and comments cannot be restored.
        if schema in extension.schemas or (schema == "-" and about[:1] == ["SCHEMA"] and about[1] in extension.schemas):
            return True
        if kind == "COMMENT" and about[:2] == ["EXTENSION", extension.name]:
            return True
    return kind == "TABLE DATA" and schema == "cron"


def _first(rest: str) -> str:
    """The name in `name owner`. Both may hold spaces, but the owner nearly always is one word."""
    return rest.rpartition(" ")[0]


def _run_globals(connection: Connection, manifest: BackupManifest, excused: Sequence[ExpectedError]) -> list[str]:
    errors = []
    for statement in manifest.globals:
        try:
            connection.execute(statement.encode())
        except psycopg.Error as error:
            text = one_line(str(error))
            if not _expected(text, excused):
                errors.append(f"{statement}: {text}")
    return errors


def _run_in_parts(
    excused: Sequence[ExpectedError],
    programs: Programs,
    folder: Path,
    admin: Target,
    lines: Sequence[str],
    jobs: int,
    expected: list[str],
    unexpected: list[str],
) -> None:
    """Let a role without rights over the server do what evaluates the target's expressions; the superuser does the rest.

    Such are the rows, which are checked and computed as they come in, and late CHECKs, which read all rows. The server makes
    an index or a view with its owner's rights anyway.
    """

    def run(target: Target, section: str, chosen: Sequence[str]) -> None:
        _run(excused, programs, folder, target, chosen, jobs, expected, unexpected, section)

    run(admin, "pre-data", lines)
    with plain_role(admin) as (plain, its):
        rows = [line for line in lines if _kind(line) in ("TABLE DATA", "SEQUENCE SET")]
        owned = tuple(f" {name}" for name in its)
        late = [line for line in lines if _kind(line) == "CHECK CONSTRAINT" and line.endswith(owned)]
        run(plain, "data", rows)
        run(admin, "data", [line for line in lines if line not in set(rows)])
        run(plain, "post-data", late)
    run(admin, "post-data", [line for line in lines if line not in set(late)])


def _kind(line: str) -> str:
    match = _ENTRY.match(line)
    return match["kind"] if match else ""


def _run(
    excused: Sequence[ExpectedError],
    programs: Programs,
    folder: Path,
    admin: Target,
    lines: Sequence[str],
    jobs: int,
    expected: list[str],
    unexpected: list[str],
    section: str | None = None,
) -> None:
    if not lines:
        return
    with (
        tempfile.NamedTemporaryFile("w", suffix=".list", encoding="utf-8") as chosen,
        credentials(admin.conninfo) as (
            plain,
            environment,
        ),
    ):
        chosen.write("\n".join(lines) + "\n")
        chosen.flush()
        done = subprocess.run(
            [
                programs.path("pg_restore"),
                f"--jobs={jobs}",
                f"--use-list={chosen.name}",
                *([f"--section={section}"] if section else []),
                "--no-tablespaces",
                "--no-password",
                f"--dbname={plain}",
                str(folder / "dump"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_with_empty_search_path(environment),
            pass_fds=handed_down(environment),
            cwd="/",
            check=False,
        )
    errors = errors_in(done.stderr, jobs=jobs)
    for text in errors:
        (expected if _expected(text, excused) else unexpected).append(text)
    if done.returncode and not errors:
        unexpected.append(one_line(done.stderr[-500:]) or f"pg_restore ended with {done.returncode}")


def errors_in(output: str, *, jobs: int) -> tuple[str, ...]:
    """The errors in pg_restore's output, without its prefixes. If it counted more than we can read, that is one more error. Pure."""
    errors = [match["text"] for match in _ERROR.finditer(output)]
    counted = _HOW_MANY.search(output)
    # With several jobs each error is counted twice: by the job and by the process that started it.
    if counted and int(counted[1]) > len(errors) * (1 if jobs == 1 else 2):
        errors.append(f"{counted[1]} errors were counted, {len(errors)} can be read: {one_line(output[-500:])}")
    return tuple(errors)


def _expected(text: str, errors: Iterable[ExpectedError]) -> bool:
    # Only the beginning counts: what follows may quote a name that somebody chose.
    return any(re.match(error.pattern, text) for error in errors)


def _with_empty_search_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Not every program empties its search_path: vacuumdb of 18 would use an operator that somebody put into public."""
    options = f"{environment.get('PGOPTIONS', '')} -c search_path=".strip()
    return {**environment, "PGAPPNAME": "pg_deploy restore", "PGOPTIONS": options}


def analyze(admin: Target, programs: Programs, jobs: int) -> None:
    """Give the planner what it has on the target: statistics and visibility maps of all tables. Raises RestoreFailedError."""
    with credentials(admin.conninfo) as (plain, environment):
        done = subprocess.run(
            [programs.path("vacuumdb"), "--analyze", "--quiet", f"--jobs={jobs}", "--no-password", f"--dbname={plain}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=_with_empty_search_path(environment),
            pass_fds=handed_down(environment),
            cwd="/",
            check=False,
        )
    if done.returncode:
        raise RestoreFailedError("the copy", [one_line(done.stderr[-500:])])


def create_database(admin: Connection, manifest: BackupManifest, name: str) -> str | None:
    """Make an empty database like the target's. Returns a sentence if its locale does not exist here. Commits."""
    server = manifest.server
    provider = {"c": "libc", "i": "icu", "b": "builtin"}.get(server.locale_provider, "libc")
    options = [
        sql.SQL("template template0 encoding {}").format(sql.Literal(server.encoding)),
        sql.SQL("lc_collate {} lc_ctype {}").format(sql.Literal(server.collate), sql.Literal(server.ctype)),
    ]
    if provider != "libc":
        key = "icu_locale" if provider == "icu" else "builtin_locale"
        options.append(
            sql.SQL("locale_provider {} {} {}").format(
                sql.SQL(provider), sql.SQL(key), sql.Literal(server.locale or "C")
            )
        )
    create = sql.SQL("create database {} ").format(sql.Identifier(name))
    try:
        admin.execute(create + sql.SQL(" ").join(options))
    except psycopg.Error as error:
        admin.execute(create + options[0] + sql.SQL(" lc_collate 'C.UTF-8' lc_ctype 'C.UTF-8'"))
        return (
            f"the locale {server.collate} is not on this machine ({one_line(str(error.diag.message_primary))}): the copy "
            "sorts by C.UTF-8"
        )
    return None
