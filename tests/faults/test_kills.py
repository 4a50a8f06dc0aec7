"""Whatever is killed, and whenever: at most one new run later everything is deployed and verified, and was done once.

Real processes, a real server: the engine's own process, its backends, and the whole server are killed with SIGKILL.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.killing import (
    Bench,
    Case,
    crash_server,
    end_backends,
    kill_after,
    kill_at_exchange,
    kill_at_line,
)
from tests.faults.scenarios import SCENARIOS, make_template
from tests.faults.server import new_server
from tests.long import only_quick

KILLS = int(os.environ.get("FAULTS_KILLS", "210"))
CHANCE = random.Random(1)

# What is deployed, whether its check fails first (so that it is rolled back), and what is killed when.
PLACES: dict[str, tuple[str, bool, Callable[[Case], None]]] = {
    "the process in the middle of a transaction": ("data", False, kill_at_line("INFO   line 2: select pg_sleep", 0.1)),
    "the process in the middle of a build": ("mixed", False, kill_at_line("INFO   line 3: create index", 0.25)),
    "the process between a build and its ledger row": ("mixed", False, kill_at_line("    done, ")),
    "the process while it verifies": ("transaction", False, kill_at_line("INFO checks$")),
    "the process while it rolls back": (
        "mixed",
        True,
        kill_at_line(r"INFO task rollback\n(.*\n)*.*INFO   line 1: drop index"),
    ),
    "the backend of a unique build": (
        "unique",
        False,
        end_backends(CHANCE, 0.25, "INFO   line 1: create unique index"),
    ),
    "the server in the middle of a build": ("concurrently", False, crash_server(0.3, "INFO   line 1: create index")),
    "the server while it rolls back": ("mixed", True, crash_server(0.0, "INFO task rollback$")),
}


# Each kind of death once; the others are close to one of these.
QUICK = {
    "the process in the middle of a transaction",
    "the backend of a unique build",
    "the server in the middle of a build",
}


@pytest.mark.parametrize("place", only_quick(PLACES, QUICK, otherwise=pytest.mark.faults))
def test_after_a_kill_one_new_run_ends_deployed_and_nothing_was_done_twice(bench: Bench, place: str) -> None:
    """Else a dead worker, backend or server would leave a half-deployed migration, an invalid index, or an update done twice."""
    name, fails_first, disturb = PLACES[place]

    case = bench.run(f"at_{list(PLACES).index(place)}", name, disturb, fails_first=fails_first)

    assert case.kills > 0


@pytest.mark.faults
def test_many_kills_at_random_times_leave_nothing_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The claim itself, in numbers: FAULTS_KILLS kills of processes, backends and servers, FAULTS_SEED repeats them."""
    seed = int(os.environ.get("FAULTS_SEED") or time.time())
    with capsys.disabled():
        print(f"\nFAULTS_SEED={seed} FAULTS_KILLS={KILLS}", flush=True)
        done = _kill_in_parallel(seed, tmp_path)
        failures = [each for _, wrong in done.values() for each in wrong]
        counts = ", ".join(f"{count} of {kind}" for kind, (count, _) in done.items())
        print(f"{sum(count for count, _ in done.values())} kills ({counts}), {len(failures)} failures", flush=True)
    assert not failures, "\n\n".join(failures)[:20000]


def _kill_in_parallel(seed: int, directory: Path) -> dict[str, tuple[int, list[str]]]:
    share = {"processes": round(KILLS * 0.66), "backends": round(KILLS * 0.17), "servers": round(KILLS * 0.17)}
    with ThreadPoolExecutor(len(share)) as workers:
        jobs = {
            kind: workers.submit(_many, kind, count, random.Random(f"{seed} {kind}"), directory / kind)
            for kind, count in share.items()
        }
        return {kind: job.result() for kind, job in jobs.items()}


def _many(kind: str, count: int, chance: random.Random, directory: Path) -> tuple[int, list[str]]:
    directory.mkdir()
    failures: list[str] = []
    with _bench(directory) as bench:
        number = 0
        while bench.kills < count and len(failures) < 5:
            number += 1
            name, fails_first = chance.choice(list(SCENARIOS)), chance.random() < 0.4
            what, disturb = _disturbance(kind, bench, name, fails_first, chance)
            label = f"{kind}_{number}"
            _, wrong = bench.find_problems(label, name, disturb, fails_first=fails_first)
            if wrong:
                failures.append("\n".join([f"{label}: {name}, fails first: {fails_first}, {what}", *wrong]))
            print(f"{label}: {name} {fails_first} {what}: {'FAILED' if wrong else 'ok'}", flush=True)
    return bench.kills, failures


def _disturbance(
    kind: str, bench: Bench, name: str, fails_first: bool, chance: random.Random
) -> tuple[str, Callable[[Case], None]]:
    seconds = chance.uniform(0.0, 2.2 if fails_first else 1.2)
    if kind == "servers":
        return f"server after {seconds:.2f} s", crash_server(seconds)
    if kind == "backends":
        return f"backend after {seconds:.2f} s", end_backends(chance, seconds)
    if chance.random() < 0.35:
        return f"process after {seconds:.2f} s", kill_after(seconds)
    total = bench.measure(name, fails_first)
    # Preflight makes half of all exchanges; what comes after it is where something is at stake.
    number = chance.randint(1 if chance.random() < 0.1 else total // 3, total)
    return f"process before exchange {number} of {total}", kill_at_exchange(number)


@contextmanager
def _bench(directory: Path) -> Iterator[Bench]:
    """A bench on a server of its own: its crash disturbs no other bench."""
    with new_server() as server:
        make_template(server)
        yield Bench(server, directory)
