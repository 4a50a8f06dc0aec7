"""`make acceptance FOLDERS=…`: run any folders, print a line each, and end with 1 if one is wrong."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TextIO

from tests import airflow_home
from tests.folders.case import cases_in
from tests.throwaway import demo_of_its_own


def main(arguments: list[str]) -> int:
    """Run each folder that is named, and print what came of it."""
    missing = [each for each in arguments if not Path(each).is_dir()]
    if missing or not arguments:
        print(f"no folder: {', '.join(missing) or 'none was named'}; make acceptance FOLDERS='a b'", file=sys.stderr)
        return 2
    out = _divert_airflows_log()
    airflow_home.set_up()
    airflow_home.fill()
    # Airflow's home must be known before anything imports it.
    from tests.folders.running import run_case

    def tell(line: str) -> None:
        out.write(f"{line}\n")
        out.flush()

    row = "{:<44} {:>5}  {:<9} {:<9} {:<6} {:<8} {:<6} {:>6}  {}"
    tell(row.format("folder", "files", "ours", "psql", "equal", "undone", "again", "s", "what was said"))
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="pg-deploy-folders-") as area, demo_of_its_own(0.02) as at:
        for folder in arguments:
            for case in cases_in(Path(folder).resolve(), scratch=Path(area)):
                started = time.monotonic()
                for number, found in enumerate(run_case(at, case, undo=True), start=1):
                    name = case.name if number == 1 else f"{case.name} ({number})"
                    took = f"{time.monotonic() - started:.0f}"
                    psql = "accepts" if found.psql == "accepts" else "refuses"
                    columns = (_yes(found.equal), found.undone or "–", _yes(found.equal_again), took)
                    tell(row.format(name, found.files, found.ours, psql, *columns, found.said[:200]))
                    for sentence in found.wrong:
                        tell(f"    ✗ {sentence}")
                    wrong += bool(found.wrong)
                    if found.wrong:
                        (Path(tempfile.gettempdir()) / f"pg-deploy-{name}.log").write_text(found.log)
    tell("all as they must be" if not wrong else f"{wrong} wrong")
    return 1 if wrong else 0


def _divert_airflows_log() -> TextIO:
    """Send standard output, where Airflow writes its log, to a file from now on; returns what it was before."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = Path(tempfile.gettempdir()) / f"pg-deploy-folders-{os.getpid()}.log"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    out.write(f"the whole log: {log}\n")
    return out


def _yes(difference: str | None) -> str:
    return "–" if difference is None else "no" if difference else "yes"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
