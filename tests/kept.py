"""What a commit keeps for later commits: a database that its engine deployed to, with the ledger, and a backup of it.

First copy the migrations of an earlier folder of tests/cases/kept into a new one. `python -m tests.kept FOLDER` deploys them
with the code that is here, on a server of its own, and writes the other files of the folder. A kept folder is never written again.
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
"""The key that seals texts with secrets in the kept ledgers."""
_FIRST_OID = 16384
"""Objects below it are the server's own, and have the same oid everywhere."""
_BEYOND_ALL_OIDS = 2**31
"""Added to the oid of an object that is gone, so that no object of the restored database has it."""
_FIRST_ROWS = """
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
                server, "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", "postgres", text=_read(folder / f"{name}.sql.gz")
            )
        with psycopg.connect(server.admin_url(), autocommit=True) as admin:
            _rewrite_oids(admin, json.loads(_read(folder / "objects.json.gz")))
        yield server


def _rewrite_oids(admin: psycopg.Connection[TupleRow], kept: Any) -> None:
    """Put the restored objects' oids into the ledger: an upgrade of our code would not have changed them, the restore did."""
    system, database, rows, *_ = _objects(admin)
    oids_now = {(kind, identity): oid for kind, identity, _, oid, _ in rows}
    oids_by_kept = {oid: oids_now[kind, identity] for kind, identity, _, oid, _ in kept[2]}

    def restored_oid(oid: int) -> int:
        return oid if oid < _FIRST_OID else oids_by_kept.get(oid, oid + _BEYOND_ALL_OIDS)

    for number, text in admin.execute("select id, objects from deploy_ledger.snapshot where objects > ''").fetchall():
        _, _, objects, is_whole, edges, positions = json.loads(text)
        objects = [[*named, classid, restored_oid(oid), column] for *named, classid, oid, column in objects]
        edges = [
            [classid, restored_oid(oid), column, other_classid, restored_oid(other_oid), *rest]
            for classid, oid, column, other_classid, other_oid, *rest in edges
        ]
        rewritten = json.dumps([system, database, objects, is_whole, edges, positions])
        admin.execute("update deploy_ledger.snapshot set objects = %s where id = %s", [rewritten, number])


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
                _FIRST_ROWS.encode(),
                EVERYTHING.read_bytes(),
                b"insert into app.parent (name) values ('a'), ('b')",
            ):
                admin.execute(text)
        for number in _deploy_and_undo(url, folder / "migrations", backups):
            (folder / f"report-{number}.txt").write_text(report_of(url, number), encoding="utf-8")
        shutil.copytree(backups, folder / "backups")
        with psycopg.connect(url, autocommit=True) as admin:
            _write(folder / "objects.json.gz", json.dumps(_objects(admin)))
        roles = _run(server, "pg_dumpall", "--roles-only", "--no-role-passwords")
        # A new server has its superuser already.
        _write(folder / "roles.sql.gz", roles.replace("CREATE ROLE supabase_admin;\n", ""))
        _write(folder / "database.sql.gz", _run(server, "pg_dump", "--create", build.DATABASE))


def _deploy_and_undo(url: str, migrations: Path, backups: Path) -> range:
    """Make a run of every kind: all proven, failed in the rehearsal, failed on the target, undone. Returns their deployments."""
    proven: dict[str, object] = {"backup": "full", "rehearse": "full", "approval": "all"}
    _expect("success", url, migrations, {"migrations": [*CREATED], **proven})
    # Only the last backup is kept: it holds what was deployed.
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
    # Programs that are older than August 2025 do not know these two commands of psql.
    plain = re.sub(r"^\\(un)?restrict .*\n", "", text, flags=re.MULTILINE)
    path.write_bytes(gzip.compress(plain.encode(), mtime=0))


def _run(server: Server, program: str, *arguments: str, text: str = "") -> str:
    parts = psycopg.conninfo.conninfo_to_dict(server.admin_url())
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password"}
    done = subprocess.run(
        [str(server.bindir / program), *arguments],
        env={**os.environ, **{name: str(parts[part]) for name, part in names.items()}},
        input=text,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    airflow_home.set_up()
    # Without a wall, as the tests run: what is restored is our own.
    os.environ.update({"PG_DEPLOY_WITHOUT_WALL": "target_db", **KEY})
    airflow_home.fill()
    make(Path(sys.argv[1]))
