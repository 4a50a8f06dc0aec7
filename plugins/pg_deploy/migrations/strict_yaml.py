"""Reading YAML that people wrote, so that nothing is lost: a key that stands twice is an error."""

from __future__ import annotations

from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    """The safe loader, but strict: by itself it silently keeps the last of two equal keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As in SafeLoader. Raises yaml.YAMLError if a key stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.YAMLError(
                        f"{key.value} stands twice (again in line {key.start_mark.line + 1}), and one of them would be lost: put both "
                        "into one list"
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    """What the text says. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Strict)  # a SafeLoader
