"""The server's disk is full while an index is built."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import server as programs
from pg_deploy.execution.errors import StatementFailedError
from pg_deploy.rollback.roll_back import roll_back
from tests.building import write_migration
from tests.core.working import working_on
from tests.faults.scenarios import STEM
from tests.faults.server import ROLE, Server
from tests.looking import Database


@pytest.fixture
def tiny_disk(server: Server) -> Iterator[str]:
    """A tablespace on a disk of 2 MB; if nothing may be mounted, a limit on what a sort may write instead.

    Yields the clause that puts an index there.
    """
    directory = Path(tempfile.mkdtemp(prefix="pg-deploy-tiny-"))
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(directory)], check=False, capture_output=True
        ).returncode
    )
    if not mounted:
        directory.rmdir()
        server.admin(f"alter role {ROLE} set temp_file_limit = '200kB'")
        server.admin(f"alter role {ROLE} set maintenance_work_mem = '1MB'")
        yield ""
        server.admin(f"alter role {ROLE} reset all")
        return
    try:
        account = programs.server_account()
        os.chown(directory, account.pw_uid, account.pw_gid)
        server.admin(f"create tablespace tiny owner {ROLE} location '{directory}'")
        yield " tablespace tiny"
        server.admin("drop tablespace tiny")
    finally:
        subprocess.run(["/bin/umount", str(directory)], check=False, capture_output=True)
        directory.rmdir()


@pytest.mark.parametrize("unique", ["", pytest.param("unique ", marks=pytest.mark.faults)])
def test_a_full_disk_ends_a_build_with_a_clear_error_and_no_remains(
    database: Database, tiny_disk: str, tmp_path: Path, unique: str
) -> None:
    """Else half an index would keep the disk full, and an invalid one would slow down every write from then on."""
    database.run("create table public.big (id integer, filler text)")
    database.run("insert into public.big select i, md5(i::text) from generate_series(1, 60000) as i")
    before = database.facts
    write_migration(
        tmp_path / "m",
        STEM,
        f"create index concurrently item_note on public.item (note);\n"
        f"create {unique}index concurrently big_filler on public.big (filler, id){tiny_disk};\n",
        rollback="drop index concurrently if exists public.big_filler;\n"
        "drop index concurrently if exists public.item_note;\n",
    )

    with working_on(database.url, tmp_path / "m") as work:
        with pytest.raises(StatementFailedError) as failed:
            work.apply()
        left = database.has("public.big_filler")
        invalid = database.invalid_indexes
        roll_back(work.job, work.migrations[0].version)

    assert failed.value.line == 2
    assert failed.value.sqlstate in ("53100", "53400")
    assert "No space left on device" in str(failed.value) or "temp_file_limit" in str(failed.value)
    assert not left
    assert invalid == []
    assert database.facts >= before
    assert not database.has("public.item_note")
    assert [state for _, state in database.attempts] == ["rolled_back"]
    database.run("drop table public.big")
