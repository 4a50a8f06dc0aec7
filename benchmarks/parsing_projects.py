"""Thirty projects of a hundred migrations, with a DAG file each and with one file for all: what Airflow's DAG processor pays for them.

It forks a process for each file. There Airflow is imported already and the engine is not, so each file pays for that import once.
Goal: under 1 s a file that makes one project. What one file of all thirty costs is printed without a goal. Beside each stands a
file with as many empty tasks: that part is Airflow's own. Seconds are the processor's, so that other work on the machine counts less.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PROJECTS = 30
MIGRATIONS = 100
ALLOWED_S = 1.0

# Each file is parsed in a fork, as the DAG processor does; the answer is its seconds and how many tasks it has.
_PARSE = """
import os, sys, time
from airflow.dag_processing.dagbag import DagBag
for path in sys.argv[1:]:
    ours, theirs = os.pipe()
    if os.fork() == 0:
        began = time.process_time()
        bag = DagBag(path, bundle_name="dags-folder")
        took = time.process_time() - began
        if bag.import_errors:
            raise SystemExit(str(bag.import_errors))
        os.write(theirs, f"{took} {sum(len(dag.tasks) for dag in bag.dags.values())}".encode())
        os._exit(0)
    os.close(theirs)
    os.wait()
    print(os.read(ours, 100).decode())
    os.close(ours)
"""
_HEAD = '"""In Airflow."""\nfrom pg_deploy.dags import deployment_dags\n'
_EMPTY = """from airflow.sdk import DAG, task
for number in range({dags}):
    with DAG(f"empty_{{number}}", schedule=None):
        for each in range({tasks}):
            @task(task_id=f"empty_{{each}}")
            def empty() -> None:
                pass
            empty()
"""


def write_project(root: Path, name: str) -> str:
    """Write the folder of a project; the line that makes its DAGs."""
    folder = root / name
    folder.mkdir()
    for number in range(MIGRATIONS):
        stem = f"2025{number:010d}_step_{number}"
        (folder / f"{stem}.sql").write_text(f"create table public.t{number} (id bigint primary key, name text);\n")
        (folder / stem / "verify").mkdir(parents=True)
        (folder / stem / "migration.yaml").write_text(f"title: step {number}\nrisk: low\n")
        (folder / stem / "rollback.sql").write_text(f"drop table public.t{number};\n")
        (folder / stem / "verify" / "the_table_is_there.sql").write_text("select 1 where false;\n")
    return f'deployment_dags("{name}", target="{name}_db", migrations="{folder}")\n'


def parse(files: list[Path], home: Path) -> list[tuple[float, int]]:
    """Seconds of the processor and tasks of each file."""
    environment = {
        **os.environ, "AIRFLOW_HOME": str(home), "PYTHONPATH": str(CHECKOUT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR", "_AIRFLOW__AS_LIBRARY": "",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db", "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    }  # fmt: skip
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", _PARSE, *map(str, files)]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = said.stdout.splitlines()[-len(files) :]
    if said.returncode or len(lines) != len(files):
        raise RuntimeError(said.stdout[-1000:] + said.stderr[-2000:])
    return [(float(line.split()[0]), int(line.split()[1])) for line in lines]


def main() -> int:
    """Measure and print; returns 1 if the goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        calls = [write_project(root, f"project_{number}") for number in range(PROJECTS)]
        files = []
        for number, call in enumerate(calls):
            files.append(root / f"dags_{number}.py")
            files[-1].write_text(_HEAD + call)
        together = root / "together.py"
        together.write_text(_HEAD + "".join(calls))
        imports = root / "imports.py"
        imports.write_text(_HEAD)
        # The first parse compiles what is not compiled yet.
        each, (all_s, all_tasks), (import_s, _) = parse([files[0], *files], root)[1:], *parse([together, imports], root)
        tasks = each[0][1]
        empty = [root / "empty_one.py", root / "empty_all.py"]
        empty[0].write_text(_EMPTY.format(dags=5, tasks=tasks // 5))
        empty[1].write_text(_EMPTY.format(dags=5 * PROJECTS, tasks=all_tasks // 5 // PROJECTS))
        (one_empty, _), (all_empty, _) = parse(empty, root)
    seconds = sorted(took for took, _ in each)
    middle, worst = seconds[len(seconds) // 2], seconds[-1]
    print(f"{PROJECTS} projects of {MIGRATIONS} migrations, seconds of the processor:")
    print(f"  a file of one project      {middle:.2f} s, the slowest {worst:.2f} s (goal: under {ALLOWED_S:.0f})")
    print(f"    of it the import         {import_s:.2f} s, {import_s / middle:.0%}")
    print(
        f"    its {tasks} tasks, empty    {one_empty:.2f} s: the rest is {(middle - import_s) / one_empty:.1f} times that"
    )
    print(f"  one file of all            {all_s:.2f} s, {all_s / PROJECTS:.2f} s a project")
    print(
        f"    its {all_tasks} tasks, empty   {all_empty:.2f} s: the rest is {(all_s - import_s) / all_empty:.1f} times that"
    )
    return 0 if middle < ALLOWED_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
