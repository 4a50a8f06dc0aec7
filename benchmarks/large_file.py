"""A file of 50 MB of inserts: the time of a whole deployment with backup and rehearsal, its memory, and the size of its pages.

Goals: at most twice the time of psql and a minute; no page over 1 MB. A task's memory grows with the file and with nothing else,
so it is printed in multiples of the file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil

from benchmarks.long_folder import DAG, deployed, with_psql
from demo import cluster
from launch.settings import LOGIN, PASSWORD
from tests.throwaway import demo_of_its_own

MAKE = Path(__file__).resolve().parents[1] / "tests" / "cases" / "files" / "fifty-megabytes" / "make.py"
ALLOWED_PAGE_KB = 1024


class Memory:
    """The largest memory of any task's process in MB, measured while the block runs."""

    def __enter__(self) -> Memory:
        self.most = 0.0
        self._end = threading.Event()
        self._looking = threading.Thread(target=self._look, daemon=True)
        self._looking.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._end.wait(0.2):
            for process in psutil.Process().children(recursive=True):
                try:
                    if "airflow worker" in " ".join(process.cmdline()):
                        self.most = max(self.most, process.memory_info().rss / 2**20)
                except psutil.Error:
                    continue


def pages(url: str, run_id: str) -> dict[str, float]:
    """The sizes of a run's pages in kB."""
    answer = httpx.post(f"{url}/auth/token", json={"username": LOGIN, "password": PASSWORD}, timeout=60)
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    found = {}
    for page in (f"runs/{DAG}/{quote(run_id, safe='')}", "database"):
        got = httpx.get(f"{url}/pg-deploy/{page}", headers=headers, timeout=120, follow_redirects=True)
        found[page.split("/")[0]] = len(got.raise_for_status().content) / 1024
    return found


def main() -> int:
    """Measure and print; returns 1 if a goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "migrations"
        subprocess.run([sys.executable, str(MAKE), str(folder)], check=True)
        size = sum(path.stat().st_size for path in folder.iterdir()) / 2**20
        with demo_of_its_own(0.001) as server:
            psql = with_psql(cluster.empty(server, "with_psql"), folder, server.bindir)
            home = Path(name) / "airflow"
            with Memory() as memory, deployed(cluster.empty(server, "with_us"), folder, home) as run:
                weights = pages(run.api.url, run.run_id)
                tasks = run.tasks()
    allowed = 2 * psql + 60
    print(f"one file of {size:.0f} MB of inserts, s:")
    print(
        f"  make deploy, backup and rehearsal in it {run.took:7.1f} (goal: under {allowed:.0f}, twice psql and a minute)"
    )
    for task, duration in tasks.items():
        print(f"    of it {task.rsplit('.', 1)[-1]:<32}  {duration:7.1f}")
    print(f"  psql -1                                 {psql:7.1f}")
    print(f"largest task: {memory.most:.0f} MB, {memory.most / size:.1f} times the file")
    for page, weight in weights.items():
        print(f"page {page}: {weight:.0f} kB (goal: under {ALLOWED_PAGE_KB})")
    return int(run.took >= allowed or max(weights.values()) >= ALLOWED_PAGE_KB)


if __name__ == "__main__":
    sys.exit(main())
