"""A real PostgreSQL for the tests: one demo cluster a session, made small, removed at the end."""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest

from demo import cluster
from demo.errors import DemoError
from demo.server import next_free_port
from pg_deploy.catalog.names import Identity
from pg_deploy.postgres.temporary import process_start
from tests import airflow_home
from tests.building import foreign_project
from tests.throwaway import without_flushing

PREFIX = "pg-deploy-test-"
# Before any test module is imported: a module that imports Airflow first would make Airflow use the home of the user.
airflow_home.set_up()
# The tests restore only what is their own, so they need no wall: they also run on a machine that grants no namespaces.
os.environ.setdefault("PG_DEPLOY_WITHOUT_WALL", "target_db")


_TEXT_METHODS = (
    "split", "rsplit", "partition", "rpartition", "startswith", "endswith", "removeprefix", "removesuffix", "replace", "find",
    "rfind", "index", "strip", "__getitem__",
)  # fmt: skip
_READERS = (os.path.join("catalog", "names.py"), os.path.join("postgres", "quoting.py"))
"""The first reads the parts of an identity; the second puts any text into quotes as a whole."""


def _without_the_engine(name: str) -> Callable[..., Any]:
    """The method `name` of str for an identity; a call fails if it comes from a file of the engine that is not in _READERS."""

    def method(identity: Identity, *arguments: Any) -> Any:
        caller = sys._getframe(1).f_code.co_filename
        if f"{os.sep}pg_deploy{os.sep}" in caller and not caller.endswith(_READERS):
            raise AssertionError(f"{caller} takes apart what {identity.kind} {str(identity)!r} is called, by {name}")
        return getattr(str(identity), name)(*arguments)

    return method


def pytest_configure() -> None:
    """Fail every test in which the engine takes the text of an identity apart, whatever the variable is called."""
    for name in _TEXT_METHODS:
        setattr(Identity, name, _without_the_engine(name))


def _is_mine(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.geteuid()
    except FileNotFoundError:
        # Another session has just removed its own.
        return False


@pytest.fixture(scope="session")
def foreign_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The migrations of a Supabase project of seventy files."""
    return foreign_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def demo_directory() -> Iterator[Path]:
    """Where this session's cluster lives; what a killed session left behind is removed first."""
    area = Path(tempfile.gettempdir())
    for leftover in {path.with_suffix("") for path in area.glob(f"{PREFIX}*") if _is_mine(path)}:
        pid = re.fullmatch(rf"{PREFIX}(\d+)(-half)?", leftover.name)
        if pid and not process_start(int(pid[1])):
            cluster.destroy(leftover)
    directory = area / f"{PREFIX}{os.getpid()}"
    yield directory
    cluster.destroy(directory)


@pytest.fixture(scope="session")
def demo_cluster(demo_directory: Path) -> cluster.Cluster:
    """The session's cluster. Tests may do anything to it: a test that needs it as new asks for demo_url."""
    try:
        # Far from the demo target's port: `make up` must not take it while a test restarts the server.
        port = next_free_port(20000 + secrets.randbelow(10000))
        scale = float(os.environ.get("DEMO_SCALE") or "0.02")
        return without_flushing(cluster.ensure(demo_directory, scale=scale, port=port))
    except DemoError as failure:
        pytest.fail(f"no database to test on; `make test` sets one up: {failure}", pytrace=False)


@pytest.fixture
def demo_url(demo_cluster: cluster.Cluster) -> str:
    """The deploying role's URL of the demo database, just reset. Ends connections to every database of the cluster."""
    return cluster.reset(demo_cluster).url()


@pytest.fixture
def demo_admin_url(demo_url: str, demo_cluster: cluster.Cluster) -> str:
    """The superuser's URL of the demo database, just reset."""
    return demo_cluster.admin_url()


@pytest.fixture
def empty_database(demo_cluster: cluster.Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The deploying role's URL of a new database, bootstrapped like Supabase's, with no table in public.

    It belongs to the deploying role. Roles and settings of the cluster are shared with other tests.
    """
    if "demo_url" in request.fixturenames:
        # The reset removes all other databases, so it has to come first.
        request.getfixturevalue("demo_url")
    name = f"empty_{secrets.token_hex(4)}"
    url = cluster.empty(demo_cluster, name)
    with psycopg.connect(demo_cluster.admin_url(name), autocommit=True) as admin:
        # All databases of the cluster share these statistics: the queries of other tests would push out those of this one.
        admin.execute("select extensions.pg_stat_statements_reset()")
    yield url
    cluster.drop(demo_cluster, name)


# The fixtures that start a server, or use one that does.
_SERVERS = frozenset(
    [
        "catalog_server",
        "demo_directory",
        "home",
        "launcher",
        "newer",
        "own",
        "own_catalog_server",
        "primary",
        "restored",
        "server",
        "shadowed",
        "site",
        "two_clusters",
    ]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of `make quick`, which runs what needs no server."""
    parser.addoption("--quick", action="store_true", help="only the tests that need no server")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import the folders whose tests all need a server in a quick run: they import Airflow."""
    whole_folders = {"dags", "demo", "faults", "migrations", "servers", "ui"}
    parts = collection_path.relative_to(Path(__file__).parent).parts
    return True if config.getoption("quick") and whole_folders & set(parts[:1]) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the long files first: if one began last, it would keep one of two processes busy while the other waits."""
    first = ("dags", "ui", "launch", "faults", "migrations")
    root = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        part = item.path.relative_to(root).parts[0] if item.path.is_relative_to(root) else ""
        return first.index(part) if part in first else len(first)

    items.sort(key=rank)
    for item in items:
        if item.get_closest_marker("acceptance") or item.get_closest_marker("faults"):
            item.add_marker(pytest.mark.timeout(3600))
    if config.getoption("quick"):
        needing = {
            item
            for item in items
            if item.get_closest_marker("server") or _SERVERS & set(getattr(item, "fixturenames", ()))
        }
        items[:] = [item for item in items if item not in needing]
        config.hook.pytest_deselected(items=list(needing))


@pytest.fixture(autouse=True, scope="session")
def _no_server_in_quick_tests(request: pytest.FixtureRequest) -> None:
    """Fail a quick test that connects all the same, and say where it belongs."""

    def refuse(*_: object, **__: object) -> NoReturn:
        pytest.fail("it asks a server: use a fixture of tests.conftest._SERVERS, or mark it with pytest.mark.server")

    if request.config.getoption("quick"):
        owners: tuple[Any, ...] = (psycopg, psycopg.Connection, psycopg.AsyncConnection)
        for owner in owners:
            owner.connect = refuse
