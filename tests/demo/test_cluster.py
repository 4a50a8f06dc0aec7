"""The demo cluster starts where it is, comes back as new, and never takes what belongs to somebody else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from demo import cluster, server
from demo.__main__ import main
from demo.cluster import Cluster
from demo.errors import NoClusterError, NotACopyError, PortTakenError
from tests.demo.asking import Ask, ask_at
from tests.waiting import until


@pytest.mark.acceptance
def test_a_reset_brings_back_tables_rows_roles_settings_and_cron_jobs(demo_cluster: Cluster, ask: Ask) -> None:
    """Whatever one deployment did would otherwise decide how the next one ends."""
    cluster.reset(demo_cluster)
    facts = (
        "select (select count(*) from public.organization_members), (select count(*) from pg_catalog.pg_roles),"
        " (select rolconfig::text from pg_catalog.pg_roles where rolname = 'authenticated'),"
        " (select count(*) from pg_catalog.pg_auth_members),"
        " (select array_agg(jobname order by 1)::text from cron.job),"
        " (select count(*) from pg_catalog.pg_database), current_setting('work_mem'),"
        " (select count(*) from pg_catalog.pg_class where relnamespace = 'public'::regnamespace)"
    )
    before = ask(facts)
    with psycopg.connect(demo_cluster.admin_url(), autocommit=True) as vandal:
        for statement in (
            "drop table public.chat_telemetry",
            "delete from public.organization_members",
            "alter role authenticated set statement_timeout = '1h'",
            "create role intruder superuser login",
            "create table public.owned_by_intruder ()",
            "alter table public.owned_by_intruder owner to intruder",
            "grant service_role to authenticated",
            "alter role postgres password 'other'",
            "alter system set work_mem = '77MB'",
            "create database left_behind owner intruder",
            "select cron.schedule('added', '0 * * * *', 'select 1')",
        ):
            vandal.execute(statement)
    again = cluster.reset(demo_cluster)
    assert ask(facts) == before
    assert ask_at(again.url(), "select current_user::text") == [("postgres",)]
    launcher = (
        "select count(*) from pg_catalog.pg_stat_activity where backend_type = 'pg_cron launcher' and datname = 'demo'"
    )
    until(lambda: ask(launcher) == [(1,)], "pg_cron after a reset", 10)


def test_a_second_ensure_changes_nothing_and_keeps_the_scale(demo_cluster: Cluster, demo_url: str) -> None:
    """`make up` on a running target must not restart it under somebody's deployment."""
    with psycopg.connect(demo_url) as session:
        assert cluster.ensure(demo_cluster.directory, scale=5.0) == demo_cluster
        assert session.execute("select 1").fetchone() == (1,)


def test_a_taken_port_is_an_error_that_names_it_and_a_free_one_is_taken_exactly(demo_cluster: Cluster) -> None:
    """Whoever sets DEMO_PORT has configured something else to find the database there."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f'"{taken}".*DEMO_PORT'):
            cluster.ensure(demo_cluster.directory, port=taken)
        assert cluster.running(demo_cluster.directory) == demo_cluster
    wanted = server.next_free_port(demo_cluster.port + 1)
    try:
        elsewhere = cluster.ensure(demo_cluster.directory, port=wanted)
        assert (elsewhere.port, ask_at(elsewhere.url(), "select 1")) == (wanted, [(1,)])
    finally:
        assert cluster.ensure(demo_cluster.directory, port=demo_cluster.port) == demo_cluster


def test_a_server_killed_with_all_its_traces_left_starts_again(demo_cluster: Cluster) -> None:
    """A machine that lost power leaves a pid file; `make up` has to get past it."""
    pid = server.server_pid(demo_cluster.data)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: cluster.running(demo_cluster.directory) is None, "the server's death", 10)
    assert (demo_cluster.data / "postmaster.pid").exists()
    # Somebody else may have its port by now: then it has the next one.
    again = cluster.ensure(demo_cluster.directory)
    assert replace(again, port=demo_cluster.port) == demo_cluster
    assert ask_at(again.url(), "select count(*) > 0 from public.messages") == [(True,)]


def test_a_pid_file_whose_number_another_program_has_by_now_is_no_server(demo_cluster: Cluster) -> None:
    """After a reboot numbers are given anew: `make down` must not signal a stranger, nor `make up` believe it is up."""
    cluster.stop(demo_cluster)
    (demo_cluster.data / "postmaster.pid").write_text(f"{os.getpid()}\n", encoding="utf-8")
    assert cluster.running(demo_cluster.directory) is None
    cluster.stop(demo_cluster)
    assert cluster.ensure(demo_cluster.directory) == demo_cluster
    assert ask_at(demo_cluster.url(), "select 1") == [(1,)]


def _by_hand(where: Cluster, *arguments: str, **variables: str) -> None:
    """PostgreSQL's own pg_ctl, as somebody at a terminal calls it."""
    account = server.server_account() if os.geteuid() == 0 else None
    subprocess.run(
        [str(where.bindir / "pg_ctl"), "-w", "-l", str(where.directory / "data" / "server.log"), *arguments],
        check=True,
        cwd=where.data.parent,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **variables},
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("how", ["restart", "environment", "relative", "slash", "other port"])
def test_a_server_that_was_started_by_hand_is_ours_all_the_same(demo_cluster: Cluster, how: str) -> None:
    """`make deploy` took it for another program on its port, and `make down` left it running."""
    port = server.next_free_port(demo_cluster.port + 1) if how == "other port" else demo_cluster.port
    options = ("-o", f"-p {port}")
    if how == "restart":
        _by_hand(demo_cluster, "restart", "-D", f"{demo_cluster.data}/", "-m", "fast")
    else:
        cluster.stop(demo_cluster)
        where = {"environment": [], "relative": ["-D", "data"], "slash": ["-D", f"{demo_cluster.data}/"]}
        variables = {"PGDATA": str(demo_cluster.data)} if how == "environment" else {}
        _by_hand(demo_cluster, "start", *where.get(how, ["-D", str(demo_cluster.data)]), *options, **variables)

    pid = server.server_pid(demo_cluster.data)
    assert pid is not None
    found = cluster.ensure(demo_cluster.directory)
    assert server.server_pid(demo_cluster.data) == pid
    assert ask_at(found.url(), "select inet_server_port()") == [(port,)]
    assert cluster.existing(demo_cluster.directory).url() == found.url()
    stopping = cluster.running(demo_cluster.directory)
    assert stopping is not None
    cluster.stop(stopping)
    assert server.port_is_free(port)
    assert cluster.running(demo_cluster.directory) is None
    cluster.ensure(demo_cluster.directory, port=demo_cluster.port)


def test_another_server_that_got_the_number_is_not_ours(demo_cluster: Cluster, tmp_path: Path) -> None:
    """`make down` would stop somebody else's database."""
    lines = (demo_cluster.data / "postmaster.pid").read_text().splitlines()
    other = tmp_path / "data"
    other.mkdir()
    (other / "postmaster.pid").write_text("\n".join([lines[0], str(other), *lines[2:]]))
    # Pid, folder and start agree: it counts. Each of them alone decides.
    assert server.serving(other) is not None
    (other / "postmaster.pid").write_text("\n".join(lines))
    assert server.serving(other) is None
    (other / "postmaster.pid").write_text("\n".join([lines[0], str(other), "1000000000", *lines[3:]]))
    assert server.serving(other) is None
    (other / "postmaster.pid").write_text("\n".join([str(os.getpid()), str(other), *lines[2:]]))
    assert server.serving(other) is None


def test_a_stopped_cluster_is_not_running_and_starts_on_its_port_with_its_data(demo_cluster: Cluster) -> None:
    """`make down` must not cost the data, and stopping twice must not be an error."""
    ask_at(demo_cluster.url(), "create table if not exists public.kept ()")
    cluster.stop(demo_cluster)
    cluster.stop(demo_cluster)
    assert cluster.running(demo_cluster.directory) is None
    assert cluster.ensure(demo_cluster.directory) == demo_cluster
    assert ask_at(demo_cluster.url(), "select to_regclass('public.kept') is not null") == [(True,)]


@pytest.mark.acceptance
def test_what_an_interrupted_making_or_reset_left_is_cleared_away(demo_cluster: Cluster) -> None:
    """kill -9 in the middle of `make up` or `make reset` must not need a person with rm."""
    cluster.stop(demo_cluster)
    demo_cluster.data.rename(demo_cluster.directory / "data.old")
    assert cluster.ensure(demo_cluster.directory) == demo_cluster
    assert not (demo_cluster.directory / "data.old").exists()

    half = demo_cluster.directory.with_name(demo_cluster.directory.name + "-half")
    try:
        (half / "template").mkdir(parents=True)
        (half / "template" / "PG_VERSION").write_text("15\n")
        made = cluster.ensure(half, scale=0.001)
        assert ask_at(made.url(), "select count(*) from auth.users") == [(200,)]
        assert cluster.reset(made, scale=0.03).url() == made.url()
        assert ask_at(made.url(), "select count(*) from auth.users") == [(300,)]
    finally:
        cluster.destroy(half)
    assert not half.exists()


def test_the_server_runs_unprivileged_listens_on_loopback_and_asks_for_a_password(
    demo_cluster: Cluster, ask: Ask
) -> None:
    """The demo's superuser would be everybody's on a shared machine."""
    pid = server.server_pid(demo_cluster.data)
    assert Path(f"/proc/{pid}").stat().st_uid == server.server_account().pw_uid != 0
    assert ask("select current_setting('listen_addresses'), current_setting('unix_socket_directories')") == [
        ("127.0.0.1", "")
    ]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://supabase_admin:wrong@127.0.0.1:{demo_cluster.port}/demo")
    assert (demo_cluster.directory / "cluster.json").stat().st_mode & 0o077 == 0
    assert demo_cluster.admin_password not in repr(demo_cluster)


def test_the_databases_of_the_target_itself_cannot_be_dropped_as_copies(demo_cluster: Cluster) -> None:
    """A fixture with a wrong name would take the template of all others away."""
    with pytest.raises(NotACopyError, match='"demo_template"'):
        cluster.drop(demo_cluster, "demo_template")


@pytest.mark.parametrize(
    ("name", "value"), [("DEMO_SCALE", "big"), ("DEMO_SCALE", "0"), ("DEMO_PORT", "80x"), ("DEMO_PORT", "80")]
)
def test_a_wrong_setting_is_refused_in_one_sentence_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, value: str
) -> None:
    """A typing error in DEMO_SCALE must not fill a cluster of another size."""
    monkeypatch.setattr("demo.__main__.directory", lambda: tmp_path / "none")
    monkeypatch.setenv(name, value)
    assert main(["up"]) == 1
    assert f'{name} is "{value}"' in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_command_line_prints_the_urls_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], demo_cluster: Cluster, tmp_path: Path
) -> None:
    """make, scripts and people put `$(make -s demo-url)` into other commands."""
    monkeypatch.setattr("demo.__main__.directory", lambda: demo_cluster.directory)
    assert (main(["url"]), main(["admin-url"])) == (0, 0)
    assert capsys.readouterr().out == f"{demo_cluster.url()}\n{demo_cluster.admin_url()}\n"
    with pytest.raises(NoClusterError, match="make up"):
        cluster.existing(tmp_path / "none")


@pytest.mark.acceptance
def test_a_cron_job_of_the_deploying_role_really_runs(demo_url: str) -> None:
    """Scheduled is not run: workers, privileges and the database's name must all be right."""
    ask_at(demo_url, "select cron.schedule('beat', '* * * * *', 'create table public.beaten ()')")
    finished = "select status from cron.job_run_details where command like '%beaten%' and end_time is not null"
    until(lambda: ask_at(demo_url, finished) != [], "a job of every minute", 90)
    assert ask_at(demo_url, finished)[0] == ("succeeded",)
    assert ask_at(demo_url, "select to_regclass('public.beaten') is not null") == [(True,)]
