"""`python -m pg_deploy.rehearsal.explain_workload FILE`: ask a file's statements before and after the pending migrations, on a copy.

TARGET_URL is the database, MIGRATIONS_DIR the folder. The target is only read: nothing is deployed, and no ledger is made.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg

from pg_deploy.backup.store import LocalStore, checked_backup
from pg_deploy.backup.take import take_backup
from pg_deploy.catalog.reader import read_facts
from pg_deploy.configuration.backup import backup_settings
from pg_deploy.errors import PgDeployError
from pg_deploy.ledger.kinds.workload import Workload
from pg_deploy.migrations.migration import Migration, load_all, scan_folder
from pg_deploy.postgres.session import Target, one_line
from pg_deploy.postgres.temporary import owned_folder
from pg_deploy.preflight.migration_standings import read_state
from pg_deploy.presentation.lines import log_lines
from pg_deploy.rehearsal.copy import private_copy
from pg_deploy.workload.proof import ask_again, ask_before, compare_answers, sum_up_proof
from pg_deploy.workload.statements_from_file import workload_from_file
from pg_deploy.workload.workload_text import refusal_lines, workload_lines

log = logging.getLogger("pg_deploy")
_USAGE = "usage: TARGET_URL=postgresql://… MIGRATIONS_DIR=… python -m pg_deploy.rehearsal.explain_workload FILE"


def explain_workload(target: Target, folder: Path, workload: Workload) -> bool:
    """Print what the pending migrations of `folder` do to the statements; returns whether the server takes all of them afterwards.

    Works on a copy restored from a dump made for it, and removes both.
    """
    files = scan_folder(folder).files
    with target.session("explain workload") as connection:
        state = read_state(connection, [each.version for each in files])
    pending = load_all(tuple(each for each in files if state.standing(each.version).is_pending))
    log.info(
        "%d pending: %s", len(pending), ", ".join(each.stem for each in pending) or "the statements are asked once"
    )
    settings = backup_settings()
    with owned_folder(settings.workdir) as place:
        store = LocalStore(place)
        taken = take_backup(target, pending, store, settings, log=log)
        with (
            checked_backup(store, taken.manifest.name, settings.workdir) as (manifest, files_of_backup),
            private_copy(manifest, files_of_backup, settings, ledger=target.ledger, log=log) as copy,
        ):
            before = ask_before(copy.admin, workload, log)
            with copy.admin.session("facts") as connection:
                was = read_facts(connection)
            for migration in pending:
                _run(copy.target, migration)
            with copy.admin.session("facts") as connection:
                now = read_facts(connection)
            after = ask_again(copy.admin, before)
    proof = sum_up_proof("pending migrations", before, after, compare_answers(before, after, (was, now)))
    log_lines(workload_lines(proof), log)
    refused = refusal_lines(after)
    log_lines(refused, log)
    return not refused


def _run(target: Target, migration: Migration) -> None:
    """As the deploying role, each segment in a transaction of its own if that is possible."""
    log.info("applying %s to the copy", migration.stem)
    with target.session("explain workload", role_search_path=True) as connection:
        for segment in migration.segments:
            if segment.transactional:
                with connection.transaction():
                    for statement in segment.statements:
                        connection.execute(statement.sql.encode())
            else:
                for statement in segment.statements:
                    connection.execute(statement.sql.encode())


def main(arguments: Sequence[str]) -> int:
    """Read the file, ask, and print; 1 if a statement is refused afterwards, 2 if it could not be asked."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    url, folder = os.environ.get("TARGET_URL", ""), os.environ.get("MIGRATIONS_DIR", "")
    if len(arguments) != 1 or not url or not folder:
        print(_USAGE, file=sys.stderr)
        return 2
    target = Target("target", url)
    try:
        text = Path(arguments[0]).read_text(encoding="utf-8", errors="replace")
        with target.session("explain workload") as connection:
            role = str((connection.execute("select current_user").fetchone() or [""])[0])
        workload = workload_from_file(text, Path(arguments[0]).name, role)
        if not workload.statements:
            print(
                f"{arguments[0]} holds no query: give a file of SQL, a log with log_statement, or pgBadger's JSON",
                file=sys.stderr,
            )
            return 2
        return 0 if explain_workload(target, Path(folder), workload) else 1
    except OSError as error:
        print(f"{arguments[0]} cannot be read: {error.strerror}", file=sys.stderr)
    except (PgDeployError, psycopg.Error) as error:
        print(error if isinstance(error, PgDeployError) else one_line(str(error)), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
