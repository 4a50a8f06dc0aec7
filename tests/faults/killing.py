"""Running deployers in processes of their own, killing things around them, and judging what the next run makes of it."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from pg_deploy.catalog.reader import Fact
from tests.faults import deployer
from tests.faults.deployer import DEPLOYED, Order
from tests.faults.scenarios import SCENARIOS, Scenario, copied, facts_of, find_problems, our_backends, write
from tests.faults.server import Server
from tests.looking import Database

_FRESH = multiprocessing.get_context("forkserver")
_FRESH.set_forkserver_preload(["tests.faults.deployer"])
_RUN_S = 120


@dataclass
class Running:
    """A deployer's process and its log."""

    process: BaseProcess
    log_file: Path

    @property
    def log(self) -> str:
        """Its log so far."""
        return self.log_file.read_text() if self.log_file.exists() else ""

    def kill(self) -> None:
        """kill -9, as an out-of-memory killer would."""
        if self.process.pid and self.process.is_alive():
            os.kill(self.process.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code; -9 when it was killed."""
        self.process.join(_RUN_S)
        if self.process.exitcode is None:
            self.kill()
            raise AssertionError(f"a deployer did not end:\n{self.log[-3000:]}")
        return self.process.exitcode

    def until_logged(self, pattern: str, seconds: float = 30.0) -> bool:
        """Wait for a line; False if the process ends without it, or none came within these seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if re.search(pattern, self.log, re.MULTILINE):
                return True
            if not self.process.is_alive():
                return bool(re.search(pattern, self.log, re.MULTILINE))
            time.sleep(0.01)
        return False


def start(order: Order) -> Running:
    """Start a deployer."""
    process = _FRESH.Process(target=deployer.main, args=(order,))
    process.start()
    return Running(process, Path(order.log_file))


@dataclass
class Case:
    """One target, one scenario, and its runs. With `fails_first` a check of the first run fails, so that it rolls back."""

    server: Server
    database: Database
    scenario: Scenario
    folder: Path
    directory: Path
    fails_first: bool
    reference: frozenset[Fact]
    runs: list[Running] = field(default_factory=list)
    kills: int = 0

    def order(self, **changes: object) -> Order:
        """The next run's order."""
        number = len(self.runs) + 1
        name = f"{self.database.url.rsplit('/', 1)[1]} run {number}"
        base = Order(self.database.url, str(self.folder), name, str(self.directory / f"{name}.log".replace(" ", "_")))
        return replace(base, **changes)  # type: ignore[arg-type]

    def start(self, **changes: object) -> Running:
        """Start the next run."""
        running = start(self.order(**changes))
        self.runs.append(running)
        return running

    def settle(self) -> list[str]:
        """Make one new run if the first did not deploy; returns what is wrong then."""
        if self.fails_first:
            self.database.run("update public.switch set ok = true")
        if self.fails_first or self.runs[-1].process.exitcode != DEPLOYED:
            code = self.start().wait()
            if code != DEPLOYED:
                return [f"the new run ended with {code}"]
        wrong = find_problems(self.database, self.scenario, self.reference)
        return wrong + [
            f"run {number}: {line}"
            for number, run in enumerate(self.runs, start=1)
            for line in run.log.splitlines()
            if "the engine let through" in line
        ]

    def story(self) -> str:
        """All logs, for a failure."""
        return "\n".join(
            f"--- {run.log_file.name}, exit {run.process.exitcode}\n{run.log[-6000:]}" for run in self.runs
        )


@dataclass
class Bench:
    """A server with its template, and the catalog that each scenario leaves if it is deployed undisturbed."""

    server: Server
    directory: Path
    references: dict[str, frozenset[Fact]] = field(default_factory=dict)
    exchanges: dict[tuple[str, bool], int] = field(default_factory=dict)
    kills: int = 0

    def measure(self, name: str, fails_first: bool) -> int:
        """How many exchanges with the server an undisturbed run has; keeps the catalog that the run leaves."""
        key = (name, fails_first)
        if key not in self.exchanges:
            scenario = SCENARIOS[name]
            with copied(self.server, f"ref_{name}_{int(fails_first)}") as database:
                case = self._case(database, scenario, fails_first, frozenset())
                case.start().wait()
                if not fails_first:
                    self.references[name] = facts_of(database)
                found = re.search(r"after (\d+) exchanges", case.runs[0].log)
                if found is None:
                    raise AssertionError(case.story())
                self.exchanges[key] = int(found[1])
        return self.exchanges[key]

    def run(self, label: str, name: str, disturb: Callable[[Case], None], *, fails_first: bool = False) -> Case:
        """As `find_problems`; fails the test if anything is wrong. Returns the case, for its logs."""
        case, wrong = self.find_problems(label, name, disturb, fails_first=fails_first)
        assert not wrong, "\n".join(wrong)
        return case

    def find_problems(
        self, label: str, name: str, disturb: Callable[[Case], None], *, fails_first: bool
    ) -> tuple[Case, list[str]]:
        """Make a target, start what `disturb` starts and kills, settle; returns what is wrong, with the story."""
        self.measure(name, False)
        with copied(self.server, label) as database:
            case = self._case(database, SCENARIOS[name], fails_first, self.references[name])
            disturb(case)
            self.kills += case.kills
            wrong = case.settle()
            return case, [*wrong, case.story()] if wrong else []

    def _case(self, database: Database, scenario: Scenario, fails_first: bool, reference: frozenset[Fact]) -> Case:
        if fails_first:
            database.run("update public.switch set ok = false")
        folder = write(scenario, self.directory)
        return Case(self.server, database, scenario, folder, self.directory, fails_first, reference)


def kill_at_exchange(number: int) -> Callable[[Case], None]:
    """The process dies before its `number`-th exchange with the server."""

    def disturb(case: Case) -> None:
        case.kills += case.start(die_before=number).wait() == -signal.SIGKILL

    return disturb


def kill_after(seconds: float) -> Callable[[Case], None]:
    """The process dies some time after it was started, wherever it is then."""

    def disturb(case: Case) -> None:
        running = case.start()
        running.until_logged("holds the target")
        time.sleep(seconds)
        running.kill()
        case.kills += running.wait() == -signal.SIGKILL

    return disturb


def kill_at_line(pattern: str, seconds: float = 0.0) -> Callable[[Case], None]:
    """The process dies some time after it logged a line."""

    def disturb(case: Case) -> None:
        running = case.start()
        if not running.until_logged(pattern):
            raise AssertionError(f"never logged {pattern}:\n{case.story()}")
        time.sleep(seconds)
        running.kill()
        case.kills += running.wait() == -signal.SIGKILL

    return disturb


def end_backends(chance: random.Random, seconds: float, pattern: str = "holds the target") -> Callable[[Case], None]:
    """The server ends one of the run's sessions, by chance; the run tries again by itself."""

    def disturb(case: Case) -> None:
        running = case.start()
        running.until_logged(pattern)
        time.sleep(seconds)
        pids = [int(line.split()[0]) for line in our_backends(case.database)]
        if pids:
            pid = chance.choice(pids)
            case.kills += bool(case.database.value("select pg_terminate_backend(%s)", [pid]))
        running.wait()

    return disturb


def crash_server(seconds: float, pattern: str = "holds the target") -> Callable[[Case], None]:
    """kill -9 of the whole server while the run works; it is started again at once, and the run tries again by itself."""

    def disturb(case: Case) -> None:
        running = case.start()
        running.until_logged(pattern)
        time.sleep(seconds)
        case.kills += running.process.is_alive()
        case.server.kill()
        case.server.start()
        running.wait()

    return disturb
