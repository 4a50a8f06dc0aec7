"""How long does it take to generate the rollback of a migration that changed a thousand objects? It needs no server.

The figure is the processors' time of the quickest of five rounds, in a database that holds ten times as many objects that did not change.
"""

from __future__ import annotations

import sys
import time

from pg_deploy.rollback.generator.generate import generate_rollback
from tests.core.rollback.generator.many import CHANGED_EACH, many

CHANGED = 1000
ROUNDS = 5
ALLOWED_S = 2.0


def main() -> int:
    """Print the figure; returns 1 if it is above what is promised."""
    before, after = many(CHANGED // CHANGED_EACH, beside=CHANGED)
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        made = generate_rollback(before, after)
        spent.append(time.process_time() - started)
    print("| changed objects | objects | statements | seconds | promised |\n|---|---|---|---|---|")
    print(f"| {CHANGED} | {len(after.facts)} | {made.sql.count(';')} | {min(spent):.2f} | {ALLOWED_S} |")
    return 0 if min(spent) < ALLOWED_S else 1


if __name__ == "__main__":
    sys.exit(main())
