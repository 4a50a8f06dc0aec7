"""What is refused before anything is started."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from launch import airflow, processes
from launch.airflow_answers import LogLine
from launch.deploy import migrations_folder, read_conf, read_target
from launch.errors import ConfError, FolderMissingError, PortSettingError, PortTakenError, TargetUrlError
from launch.follow import report_lines
from launch.settings import environment, prepare_home, process_environment
from launch.target import parse_target
from tests.launch.conftest import Launcher


@pytest.mark.parametrize("text", ['{"dry_run": tru}', "dry_run=true", "[1]", '"none"'])
def test_a_conf_that_is_no_json_object_is_refused_in_one_sentence(text: str) -> None:
    """A person would otherwise read a traceback, or start a deployment without the conf they meant."""
    with pytest.raises(ConfError, match="write it as a JSON object"):
        read_conf(text)


def test_a_bad_conf_ends_the_command_before_anything_is_started(launcher: Launcher) -> None:
    """The exit code tells a script; the home tells that nothing was touched."""
    code, output = launcher.deploy(CONF="{", LAUNCH_HOME=str(launcher.where.home.with_name("untouched")))
    assert code == 2
    assert output.startswith("error: CONF is not JSON")
    assert not launcher.where.home.with_name("untouched").exists()


def test_an_empty_conf_is_an_empty_object() -> None:
    """`make deploy` without CONF passes an empty variable."""
    assert read_conf(" ") == {}


def test_a_target_beside_a_target_url_is_refused() -> None:
    """Silently preferring one would deploy to the database that was not meant."""
    with pytest.raises(ConfError, match="leave one of them out"):
        read_target("postgresql://a:b@c/d", {"target": "other"})


@pytest.mark.parametrize(
    "url", ["mysql://u:s3cret@h/d", "postgresql://u:s3cret@h", "postgresql://u:s3cret@h:port/d", "postgresql://h/d"]
)
def test_a_bad_target_url_is_refused_without_printing_it(url: str) -> None:
    """The URL holds a password, and this message goes to logs of CI."""
    with pytest.raises(TargetUrlError) as caught:
        parse_target(url)
    assert "s3cret" not in str(caught.value)


def test_a_target_url_becomes_a_connection_of_its_own_name() -> None:
    """Two databases on one server must not share a connection, nor overwrite target_db."""
    target = parse_target("postgresql://us%40er:p%2Fw%24$@db.example.org:6543/app?sslmode=require")
    assert (target.user, target.password, target.host, target.port) == ("us@er", "p/w$$", "db.example.org", 6543)
    assert target.connection_id == "target_db.example.org_6543_app"
    assert target.options == {"sslmode": "require"}
    assert "p/w" not in repr(target)
    one, other = (
        parse_target("postgresql://u@h/a%20b").connection_id,
        parse_target("postgresql://u@h/a%2Bb").connection_id,
    )
    assert one != other


def test_a_port_that_is_taken_is_named_in_a_sentence(launcher: Launcher) -> None:
    """AIRFLOW_PORT is exact: starting on another port would leave a person looking at the wrong Airflow."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        elsewhere = replace(launcher.where, home=launcher.where.home.with_name("port"))
        with pytest.raises(PortTakenError, match=f'port "{port}" is taken'):
            airflow.start(elsewhere, {**launcher.variables, "AIRFLOW_PORT": str(port)})
        with pytest.raises(PortSettingError, match="no port"):
            airflow.start(elsewhere, {**launcher.variables, "AIRFLOW_PORT": "http"})


def test_a_missing_folder_of_migrations_is_named(launcher: Launcher, tmp_path: Path) -> None:
    """An unreadable path must not look like a folder with nothing pending."""
    with pytest.raises(FolderMissingError, match="set MIGRATIONS_DIR"):
        migrations_folder(launcher.where, str(tmp_path / "absent"))


def test_an_old_state_file_never_ends_somebody_elses_process(launcher: Launcher, tmp_path: Path) -> None:
    """After a reboot the recorded pid may be anybody's."""
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True, cwd=tmp_path)
    try:
        elsewhere = replace(launcher.where, home=tmp_path / "home")
        prepare_home(elsewhere)
        elsewhere.state.write_text(json.dumps({"pid": stranger.pid, "started": 1, "port": 1, "digest": ""}))
        assert airflow.find(elsewhere) is None
        assert airflow.stop(elsewhere) is False
        time.sleep(0.2)
        assert processes.read(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()


def test_the_terminals_settings_do_not_reach_airflow(launcher: Launcher, tmp_path: Path) -> None:
    """PGHOST would redirect every task, and TARGET_URL's password would stay readable in the environment for days."""
    elsewhere = replace(launcher.where, home=tmp_path / "home")
    prepare_home(elsewhere)
    given = {"PGHOST": "prod", "TARGET_URL": "x", "AIRFLOW__CORE__EXECUTOR": "y", "PG_DEPLOY_X": "z", "no_proxy": "a"}
    found = process_environment(elsewhere, 8080, given)
    assert {"PGHOST", "TARGET_URL"}.isdisjoint(found)
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert found["PG_DEPLOY_X"] == "z"
    assert found["no_proxy"] == "a,127.0.0.1,localhost"
    assert oct(elsewhere.home.stat().st_mode)[-3:] == "700"
    assert oct((elsewhere.home / "fernet_key").stat().st_mode)[-3:] == "600"
    assert environment(elsewhere, 8080) == environment(elsewhere, 8080)


def test_the_report_is_read_without_airflows_own_lines() -> None:
    """The report is for people: no fold markers, no parser chatter, and the failure's sentence."""
    log = [
        LogLine(event="::group::Log message source details"),
        LogLine(event="::group::Pre Execute", logger="task"),
        LogLine(event="Filling up the DagBag", logger="airflow.dag_processing.dagbag.BundleDagBag"),
        LogLine(event="::group::Success criteria", logger="pg_deploy.reporting.report"),
        LogLine(event="✓ one\n✓ two", logger="pg_deploy.reporting.report"),
        LogLine(event="::endgroup::", logger="pg_deploy.reporting.report"),
        LogLine.model_validate(
            {"event": "Task failed", "logger": "task", "error_detail": [{"exc_type": "E", "exc_value": "what to do"}]}
        ),
    ]
    assert report_lines(log) == ["Success criteria", "✓ one", "✓ two", "E: what to do"]
