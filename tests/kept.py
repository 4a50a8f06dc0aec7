"""What a commit keeps for those after it: a database that its engine deployed to, with the ledger, and a backup of it.

`python -m tests.kept FOLDER` deploys the folder's migrations with the code that is here, on a server of its own, and writes the
rest of it; copy the migrations of an earlier folder of tests/cases/kept into it first. What was written is never made anew.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from demo import build
from tests import airflow_home
from tests.servers.server import Server, bootstrap, running

EVERYTHING = Path(__file__).resolve().parent / "core" / "catalog" / "everything.sql"
CREATED = ("20250101000000_create_notes", "20250102000000_make_odd_names", "20250103000000_change_what_was_there")
INDEXED, FAILING = "20250104000000_index_notes", "20250105000000_number_notes"
KEY = {"AIRFLOW__CORE__FERNET_KEY": "a2VwdCBmb3IgdGhlIHRlc3RzIG9mIGxhdGVyIGNvZGU="}
"""What texts that hold a secret are sealed with in the kept ledgers."""
_FIRST_OID, _NOBODYS = 16384, 2**31
_FIRST = """
create role member nologin;
insert into auth.users (id, email) values
    ('00000000-0000-0000-0000-000000000001', 'one@example.org'), ('00000000-0000-0000-0000-000000000002', 'two@example.org')
"""


@contextmanager
def restored(folder: Path) -> Iterator[Server]:
    """A server of its own with the kept roles and the kept database; gone afterwards."""
    with running("own") as server:
        for name in ("roles", "database"):
            _run(
                server, "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", "postgres", given=_read(folder / f"{name}.sql.gz")
            )
        with psycopg.connect(server.admin_url(), autocommit=True) as admin:
            _stay_in_place(admin, json.loads(_read(folder / "objects.json.gz")))
        yield server


def _stay_in_place(admin: psycopg.Connection[TupleRow], kept: Any) -> None:
    """Rewrite the addresses in the ledger: an upgrade of ours leaves each object where it is, and a restore did not."""
    system, database, rows, *_ = _objects(admin)
    now = {(kind, identity): oid for kind, identity, _, oid, _ in rows}
    moved = {oid: now[kind, identity] for kind, identity, _, oid, _ in kept[2]}

    def new(oid: int) -> int:
        return oid if oid < _FIRST_OID else moved.get(oid, oid + _NOBODYS)

    for number, text in admin.execute("select id, objects from deploy_ledger.snapshot where objects > ''").fetchall():
        _, _, then, is_whole, edges, positions = json.loads(text)
        then = [[*named, classid, new(oid), column] for *named, classid, oid, column in then]
        edges = [[a, new(b), c, d, new(e), *rest] for a, b, c, d, e, *rest in edges]
        written = json.dumps([system, database, then, is_whole, edges, positions])
        admin.execute("update deploy_ledger.snapshot set objects = %s where id = %s", [written, number])


def _objects(connection: psycopg.Connection[TupleRow]) -> Any:
    from pg_deploy.catalog.reader import read_facts

    found = read_facts(connection, objects="all").objects
    return json.loads(found.text()) if found else None


def report_of(url: str, deployment_id: int) -> str:
    """The report of a deployment, a line each. Reads only."""
    from pg_deploy.reporting.report import read_report, report_lines

    with psycopg.connect(url, autocommit=True) as connection:
        lines = report_lines(connection, read_report(connection, deployment_id), contacts="whoever is on call")
    return "".join(f"{line.text}\n" for line in lines)


def make(folder: Path) -> None:
    """Deploy the migrations of the folder, and keep what is there then."""
    with tempfile.TemporaryDirectory(prefix="kept-") as place, running("own") as server:
        backups = Path(place) / "backups"
        os.environ["BACKUP_URI"] = f"file://{backups}"
        bootstrap(server)
        url = server.admin_url()
        with psycopg.connect(url, autocommit=True) as admin:
            for text in (
                _FIRST.encode(),
                EVERYTHING.read_bytes(),
                b"insert into app.parent (name) values ('a'), ('b')",
            ):
                admin.execute(text)
        for number in _deployed(url, folder / "migrations", backups):
            (folder / f"report-{number}.txt").write_text(report_of(url, number), encoding="utf-8")
        shutil.copytree(backups, folder / "backups")
        with psycopg.connect(url, autocommit=True) as admin:
            _write(folder / "objects.json.gz", json.dumps(_objects(admin)))
        roles = _run(server, "pg_dumpall", "--roles-only", "--no-role-passwords")
        # A new server has its superuser already.
        _write(folder / "roles.sql.gz", roles.replace("CREATE ROLE supabase_admin;\n", ""))
        _write(folder / "database.sql.gz", _run(server, "pg_dump", "--create", build.DATABASE))


def _deployed(url: str, migrations: Path, backups: Path) -> range:
    """Runs of every kind: all of it proven, one failed in the rehearsal, one on the target, one undone. Their deployments."""
    proven: dict[str, object] = {"backup": "full", "rehearse": "full", "approval": "all"}
    _expect("success", url, migrations, {"migrations": [*CREATED], **proven})
    # Only the last backup is kept, which holds what was deployed.
    shutil.rmtree(backups)
    _expect("failed", url, migrations, {"migrations": [FAILING], **proven})
    _expect("failed", url, migrations, {"migrations": [INDEXED, FAILING], "approval": "none"})
    _expect("success", url, migrations, {"version": INDEXED}, "rollback_migrations")
    return range(1, 5)


def _expect(state: str, url: str, migrations: Path, conf: dict[str, object], dag_id: str = "deploy_migrations") -> None:
    from tests.dags.harness import run_dag

    result = run_dag(dag_id, url, migrations, conf, answer="Approve")
    print(result.text)
    if result.state != state:
        raise RuntimeError(f"{dag_id} with {conf} ended as {result.state}")


def _read(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def _write(path: Path, text: str) -> None:
    # Programs of before August 2025 do not know what restricts psql.
    plain = re.sub(r"^\\(un)?restrict .*\n", "", text, flags=re.MULTILINE)
    path.write_bytes(gzip.compress(plain.encode(), mtime=0))


def _run(server: Server, program: str, *arguments: str, given: str = "") -> str:
    parts = psycopg.conninfo.conninfo_to_dict(server.admin_url())
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password"}
    done = subprocess.run(
        [str(server.bindir / program), *arguments],
        env={**os.environ, **{name: str(parts[part]) for name, part in names.items()}},
        input=given,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    airflow_home.set_up()
    # Without a wall, as the tests: what is restored is our own.
    os.environ.update({"PG_DEPLOY_WITHOUT_WALL": "target_db", **KEY})
    airflow_home.fill()
    make(Path(sys.argv[1]))
