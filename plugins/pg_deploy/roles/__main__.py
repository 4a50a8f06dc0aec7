"""Print a script that makes a role: `python -m pg_deploy.roles deployer`; without a name, say which there are."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pg_deploy.postgres.sql_files import ENGINE

_SCRIPTS = ENGINE / "roles" / "sql"


def main(arguments: Sequence[str]) -> int:
    """Print what was asked for; the exit code."""
    names = sorted(path.stem for path in _SCRIPTS.glob("*.sql"))
    if len(arguments) != 1 or arguments[0] not in names:
        print(f"usage: python -m pg_deploy.roles {' | '.join(names)}", file=sys.stderr)
        return 2
    print((_SCRIPTS / f"{arguments[0]}.sql").read_text(encoding="utf-8"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
