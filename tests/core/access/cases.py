"""Cases for the access proof, as data: a state before, a migration, and whether anybody's access differs after it.

`python -m tests.core.access.cases FOLDER [NAME …]` (`make access-cases CASES=FOLDER`) runs each file of a folder as a
rehearsal does: two databases of a private cluster, facts read around the migration, `prove_on_copy` with what the case
declares; and once more in other names, to the same verdict. Prints a line a case, and ends with 1 if one is wrong. What a
case's file may hold: tests/cases/access/README.md.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import yaml

from demo import build, cluster, server
from demo.cluster_files import copy_data, erase_folder
from pg_deploy.access.decide import unsettled_with_disagreements
from pg_deploy.catalog.reader import read_facts
from pg_deploy.deployment.access_judgement import AccessOutcome, prove_on_copy
from pg_deploy.migrations.migration import load, read_folder
from pg_deploy.postgres.session import Target
from tests.core.access.renaming import Renaming, names_of, rename_all, words_known, words_outside_texts

PLAIN_OWNER = "app_owner"
MOST_DECLARED = 20
"""One in so many harmless changes may need a declaration."""
_DEFAULT_MANIFEST = "risk: low\naccess: unchanged\n"


@dataclass(frozen=True)
class Case:
    """One file: what is there before, what the migration does, and what has to be said."""

    name: str
    database: str
    expect: str
    migration: tuple[str, ...]
    base: tuple[str, ...] = ()
    base_admin: tuple[str, ...] = ()
    base_admin_after: tuple[str, ...] = ()
    manifest: str = _DEFAULT_MANIFEST
    access: str = ""
    verdict: str = ""
    """The verdict that it must have, if it is not enough that it does not pass."""
    keep: tuple[str, ...] = ()
    """Words that mean something to this case alone, and keep their names where all others get other ones."""


@dataclass(frozen=True)
class Ran:
    """What a case came to. `wrong` says why, or nothing; `told` is all that a reader of the log sees against it."""

    name: str
    expect: str
    verdict: str
    objects: tuple[str, ...]
    subjects: tuple[str, ...]
    seconds: float
    wrong: str = ""
    declares: bool = False
    """Whether a harmless change has to be declared all the same."""
    told: tuple[str, ...] = field(default=(), repr=False)

    @property
    def line(self) -> str:
        """For a terminal."""
        about = ", ".join(self.objects[:3]) or "-"
        who = ", ".join(self.subjects[:3]) or "-"
        mark = "✗" if self.wrong else "–" if self.declares else "✓"
        why = f": {self.wrong or 'needs a declaration'}" if self.wrong or self.declares else ""
        return f"{mark} {self.name:<52} {self.expect:<7} {self.verdict:<11} {about} | {who} | {self.seconds:.1f} s{why}"


def read_cases(folder: Path) -> tuple[Case, ...]:
    """All cases of a folder, by name."""
    return tuple(_case(path) for path in sorted(folder.glob("*.yaml")))


def _case(path: Path) -> Case:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Case(
        name=str(found.get("name", path.stem)),
        database=str(found["database"]),
        expect=str(found["expect"]),
        migration=_listed(found["migration"]),
        base=_listed(found.get("base")),
        base_admin=_listed(found.get("base_admin")),
        base_admin_after=_listed(found.get("base_admin_after")),
        manifest=str(found.get("manifest", _DEFAULT_MANIFEST)),
        verdict=str(found.get("verdict", "")),
        access=str(found.get("access", "")),
        keep=_listed(found.get("keep")),
    )


def _listed(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value)


@dataclass(frozen=True)
class Templates:
    """Stopped data directories that each case gets a copy of: nothing that one does can meet another."""

    supabase: Path
    plain: Path
    bindir: Path
    deployer_password: str
    admin_password: str


def make_templates(directory: Path) -> Templates:
    """The demo cluster at a small scale, and a server that knows nothing of Supabase, as files in `directory`."""
    made = cluster.ensure(directory / "demo", scale=float(os.environ.get("DEMO_SCALE") or "0.02"))
    cluster.stop(made)
    return templates_of(made, directory)


def templates_of(made: cluster.Cluster, directory: Path) -> Templates:
    """The files of a demo cluster that is there, and in `directory` a server that knows nothing of Supabase."""
    plain = directory / "plain"
    if not plain.exists():
        data = directory / "plain.new"
        data.mkdir()
        os.chown(data, server.server_account().pw_uid, server.server_account().pw_gid)
        server.run(made.bindir, "initdb", "-D", str(data), "-U", "admin", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            # Debian's own folder for sockets is closed to an ordinary user.
            conf.write("listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
        port = server.start_from(made.bindir, data, 21000 + secrets.randbelow(9000))
        with psycopg.connect(f"postgresql://admin@127.0.0.1:{port}/postgres", autocommit=True) as admin:
            admin.execute("create role app_owner login createrole")
        server.stop(made.bindir, data)
        data.rename(plain)
    return Templates(made.directory / "template", plain, made.bindir, made.deployer_password, made.admin_password)


@contextmanager
def private_server(templates: Templates, database: str) -> Iterator[tuple[str, str]]:
    """A private server of the case's own; the URLs, without a database, of the deploying role and of a superuser."""
    with tempfile.TemporaryDirectory(prefix="access-case-", ignore_cleanup_errors=True) as area:
        os.chmod(area, 0o755)
        data = Path(area) / "data"
        copy_data(templates.plain if database == "plain" else templates.supabase, data)
        port = server.start_from(templates.bindir, data, 21000 + secrets.randbelow(9000))
        try:
            at = f"127.0.0.1:{port}"
            if database == "plain":
                yield f"postgresql://{PLAIN_OWNER}:trusted@{at}", f"postgresql://admin@{at}"
            else:
                yield (
                    f"postgresql://postgres:{templates.deployer_password}@{at}",
                    f"postgresql://supabase_admin:{templates.admin_password}@{at}",
                )
        finally:
            server.stop(templates.bindir, data, "immediate")
            erase_folder(data)


def run_case(case: Case, templates: Templates, *, in_other_names: bool = False) -> Ran:
    """Make the state before twice, migrate one, and ask the proof as the rehearsal does; perhaps with all names replaced."""
    with private_server(templates, case.database) as (deployer, admin):
        owner = PLAIN_OWNER if case.database == "plain" else "postgres"
        case = make_state(case, deployer, admin, in_other_names=in_other_names)
        with _connect(f"{admin}/postgres") as connection:
            connection.execute(f"create database app_before owner {owner} template app".encode())
        with _connect(f"{deployer}/app") as connection:
            before = read_facts(connection)
        started = time.monotonic()
        _execute(f"{deployer}/app", case.migration)
        with _connect(f"{deployer}/app") as connection:
            after = read_facts(connection)
        with tempfile.TemporaryDirectory() as folder:
            migration = _migration(case, Path(folder))
            outcome = prove_on_copy(
                Target("before", f"{admin}/app_before"),
                Target("after", f"{admin}/app"),
                migration,
                (before, after),
            )
        return _judged(case, outcome, time.monotonic() - started)


def make_state(case: Case, deployer: str, admin: str, *, in_other_names: bool = False) -> Case:
    """Make the state before in a database `app` of a private server; the case, with its own names or others."""
    template = {"demo": build.TEMPLATE, "supabase_empty": build.EMPTY}.get(case.database, "template1")
    owner = PLAIN_OWNER if case.database == "plain" else "postgres"
    with _connect(f"{admin}/postgres") as connection:
        connection.execute(f"create database app owner {owner} template {template}".encode())
    if in_other_names:
        case = _in_other_names(case, admin)
    _execute(f"{admin}/app", case.base_admin)
    _execute(f"{deployer}/app", case.base)
    _execute(f"{admin}/app", case.base_admin_after)
    return case


def _in_other_names(case: Case, admin: str) -> Case:
    """The case with its own words replaced; the demonstration's names are replaced where they are, its rows stay."""
    texts = (*case.base_admin, *case.base, *case.base_admin_after, *case.migration)
    with _connect(f"{admin}/app") as app:
        known = words_known(app)
        renaming = Renaming({*known, *case.keep})
        if case.database == "demo":
            named = names_of(app)
            app.execute(f"create database names template {build.EMPTY}".encode())
            with _connect(f"{admin}/names") as empty:
                known = (known - named) | words_known(empty)
            renaming = Renaming({*known, *case.keep}, only=named | words_outside_texts(texts))
            rename_all(app, renaming)
    parts = {
        part: tuple(map(renaming.text, getattr(case, part)))
        for part in ("base_admin", "base", "base_admin_after", "migration")
    }
    return replace(case, **parts, access=renaming.text(case.access))  # type: ignore[arg-type]


def _migration(case: Case, folder: Path) -> Any:
    stem = "20260101000000_case"
    (folder / f"{stem}.sql").write_text(";\n".join(each.rstrip().rstrip(";") for each in case.migration) + ";\n")
    (folder / stem).mkdir()
    (folder / stem / "migration.yaml").write_text(case.manifest)
    if case.access:
        (folder / stem / "access.yaml").write_text(case.access)
    return load(read_folder(folder)[0])


def _judged(case: Case, outcome: AccessOutcome, seconds: float) -> Ran:
    proof = outcome.proof
    found = [*proof.found, *proof.opened] if proof else []
    unsettled = list(unsettled_with_disagreements(proof) if proof else ())
    objects = dict.fromkeys(
        [
            *(each.object if hasattr(each, "object") else each.table for each in found),
            *(each.object for each in unsettled),
        ]
    )
    subjects = dict.fromkeys(
        name for each in found for name in (*(getattr(each, "subjects", ()) or ()), *([each.role] if each.role else []))
    )
    verdict = outcome.verdict if outcome.verdict in ("equal", "the same", "different") else "not proved"
    passes = outcome.decision.passes
    wrong = ""
    if case.expect == "caught" and passes:
        wrong = "it passes"
    elif case.expect == "quiet" and verdict == "different" and not passes:
        wrong = "called different"
    elif case.verdict not in ("", verdict):
        wrong = f"it has to be {case.verdict}"
    told = (*outcome.decision.against, *outcome.decision.shown)
    if proof and proof.timings:
        told = (*told, "; ".join(f"{name} {value:.1f} s" for name, value in proof.timings.items() if value > 0.05))
    return Ran(
        case.name,
        case.expect,
        verdict,
        tuple(objects),
        tuple(subjects),
        seconds,
        wrong,
        case.expect == "quiet" and not passes,
        told,
    )


def _connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


def _execute(url: str, statements: Sequence[str]) -> None:
    if statements:
        with _connect(url) as connection:
            for statement in statements:
                connection.execute(statement.encode())


def _one(case: Case, templates: Templates, *, in_other_names: bool = False) -> Ran:
    started = time.monotonic()
    try:
        return run_case(case, templates, in_other_names=in_other_names)
    except Exception as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return Ran(case.name, case.expect, "error", (), (), time.monotonic() - started, said)


def _both(case: Case, templates: Templates) -> Ran:
    """As it is written and in other names: what it comes to may not rest on what anything is called."""
    ran = _one(case, templates)
    other = _one(case, templates, in_other_names=True)
    seconds = ran.seconds + other.seconds
    if ran.wrong or (other.verdict, other.wrong) == (ran.verdict, ran.wrong):
        return replace(ran, seconds=seconds)
    said = f"in other names it is {other.verdict}{f', {other.wrong}' if other.wrong else ''}"
    return replace(ran, seconds=seconds, wrong=said, told=(*ran.told, "in other names:", *other.told))


def main(arguments: Sequence[str]) -> int:
    """Run a folder; the exit code."""
    parser = argparse.ArgumentParser(prog="make access-cases", description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="only cases whose name begins so")
    parser.add_argument("--told", action="store_true", help="print what was said too")
    parser.add_argument("--as-written", action="store_true", help="not once more in other names")
    parser.add_argument("--templates", type=Path, help="keep the servers' files here, for the next time")
    given = parser.parse_intermixed_args(arguments)
    cases = [
        case
        for case in read_cases(given.folder)
        if not given.names or any(case.name.startswith(name) for name in given.names)
    ]
    if not cases:
        print(f'no case in "{given.folder}"', file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="access-cases-", ignore_cleanup_errors=True) as made:
        os.chmod(made, 0o755)
        directory = given.templates or Path(made)
        directory.mkdir(exist_ok=True)
        templates = make_templates(directory)
        wrong = declared = 0
        with ProcessPoolExecutor(max_workers=2) as pool:
            for done in as_completed(
                [pool.submit(_one if given.as_written else _both, case, templates) for case in cases]
            ):
                ran = done.result()
                print(ran.line, flush=True)
                wrong += bool(ran.wrong)
                declared += ran.declares
                if given.told:
                    for sentence in ran.told:
                        print(f"    {sentence}", flush=True)
        if given.templates is None:
            cluster.destroy(directory / "demo")
    quiet = sum(case.expect == "quiet" for case in cases)
    too_many = declared > 1 and declared * MOST_DECLARED > quiet
    if declared:
        print(f"{declared} of {quiet} harmless changes need a declaration" + (": too many" if too_many else ""))
    print(f"{len(cases) - wrong} of {len(cases)} cases are as they must be")
    return 1 if wrong or too_many else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
