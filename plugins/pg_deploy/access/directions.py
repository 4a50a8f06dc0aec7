"""Write the direction into entries of access.yaml that have none: `make access-directions`.

Such an entry covers gains and losses, so `both` is what it has meant until now; a person can narrow it down then.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from pg_deploy.errors import PgDeployError
from pg_deploy.migrations.access_file import FILE, read_access_file


def add_directions(text: str) -> tuple[str, int]:
    """Add `direction: both` to every entry of `changed` without a direction; returns the new text and how many had none.

    Comments, order and form stay as they are. Raises yaml.YAMLError if the text is not YAML.
    """
    places = []
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    for section, entries in root.value if isinstance(root, yaml.MappingNode) else ():
        if section.value != "changed" or not isinstance(entries, yaml.SequenceNode):
            continue
        for entry in entries.value:
            names = {key.value: key for key, _ in entry.value} if isinstance(entry, yaml.MappingNode) else {}
            if "why" in names and "direction" not in names:
                mark = names["why"].start_mark
                places.append((mark.index, ", " if entry.flow_style else f"\n{' ' * mark.column}"))
    for index, between in reversed(places):
        text = f"{text[:index]}direction: both{between}{text[index:]}"
    return text, len(places)


def main(arguments: Sequence[str] | None = None) -> int:
    """Rewrite the access.yaml of each migration in a folder, and print a line for each that changed.

    Returns 0, or 2 if one cannot be read.
    """
    parser = argparse.ArgumentParser(prog="access-directions", description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="a folder of migrations")
    given = parser.parse_args(arguments)
    for path in sorted(given.folder.glob(f"*/{FILE}")):
        try:
            read_access_file(path.parent)
            text, number = add_directions(path.read_text(encoding="utf-8"))
        except PgDeployError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        if number:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path}: {number} entries say `direction: both` now; narrow them to gained or lost\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
