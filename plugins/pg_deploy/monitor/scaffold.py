"""Write a new measure, with its test, into this repository: `make new-monitor NAME=…`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pg_deploy.configuration.own_files import MONITORS, repository_files
from pg_deploy.monitor.errors import NewMonitorRefused
from pg_deploy.monitor.measures import ENGINE_MEASURES

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 60

QUERY = """\
-- Say here what is measured, in which unit, and when a row is bad news.
select
    'the database' as object,
    null::numeric as value,
    'unit' as unit,
    jsonb_build_object('cause', 'say what is wrong, with the figure') as detail
"""

LIMITS = """\
  {name}:
    above: 0
    do: write what whoever reads the alert should do
"""

TEST = '''\
"""The measure {name}: its trouble is found, and a healthy database raises nothing."""

from __future__ import annotations

from tests.core.monitor.monitoring import Monitor


def test_{name}_is_found_in_one_run_and_told_once(monitor: Monitor) -> None:
    """Say who would suffer from what if this measure did not see it."""
    monitor.run()

    # Plant the trouble here.

    assert monitor.run().causes("{name}") == {{"the database": "say what is wrong, with the figure"}}
    assert monitor.run().started == []
'''


def new_monitor(name: str, project: Path) -> tuple[Path, ...]:
    """Write a measure's query and its test, and add its limits. Returns these files. Overwrites nothing.

    Raises NewMonitorRefused if the name is not in snake case or is taken, or if a file cannot be written.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise NewMonitorRefused(name, "is not a measure's name", "use snake case, a letter first, e.g. long_queues")
    query = project / "sql" / "monitors" / f"{name}.sql"
    limits = project / "sql" / "monitors" / "thresholds.yaml"
    test = project / "tests" / "core" / "monitor" / f"test_{name}.py"
    taken = next((path for path in (ENGINE_MEASURES / query.name, query, test) if path.exists()), None)
    if taken:
        raise NewMonitorRefused(name, f"is taken: {taken} is there", "choose another name")
    try:
        text = limits.read_text(encoding="utf-8")
        head, mark, rest = text.partition("\nmeasures:")
        if not mark:
            raise NewMonitorRefused(name, f"has no place in {limits}", "write the key measures there first")
        line, _, after = rest.partition("\n")
        limits.write_text(f"{head}{mark}{line}\n{LIMITS.format(name=name)}{after}", encoding="utf-8")
        query.write_text(QUERY, encoding="utf-8")
        test.write_text(TEST.format(name=name), encoding="utf-8")
    except OSError as error:
        raise NewMonitorRefused(name, f"cannot be written: {error}", "make the folder writable") from None
    return query, limits, test


def _repository(name: str) -> Path:
    """The repository's root. Raises NewMonitorRefused where the package was installed: a test would have nowhere to go."""
    ours = repository_files()
    if ours is None:
        problem = "is not written here: pg_deploy was installed, and a measure comes with a test of the repository"
        raise NewMonitorRefused(
            name, problem, f"put {name}.sql into the folder {MONITORS} of PG_DEPLOY_PROJECT yourself"
        )
    return ours.parent


def main(arguments: Sequence[str]) -> int:
    """Write the files, and print their paths. Returns the exit code."""
    if len(arguments) != 1:
        print("usage: make new-monitor NAME=long_queues", file=sys.stderr)
        return 2
    try:
        for path in new_monitor(arguments[0], _repository(arguments[0])):
            print(path)
    except NewMonitorRefused as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
