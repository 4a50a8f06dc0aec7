"""Reading YAML that people wrote, so that nothing is lost: a key that stands twice is an error."""

from __future__ import annotations

from inspect import isclass
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic_core import ErrorDetails


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
    try:
        return yaml.load(text, Loader=_Strict)  # a SafeLoader
    except ValueError as error:
        # PyYAML makes dates and numbers of plain words, and `2025-13-01` is no date.
        raise yaml.YAMLError(f"a value is none of its kind ({error}): write it in quotes if it is a text") from error


def fault_in_words(fault: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with a file that `model` does not take: the key, what it holds, and for an unknown key the known ones."""
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"unknown key '{key}'; known keys here: {', '.join(_known_keys(fault['loc'], model))}"
    problem = fault["msg"].removeprefix("Value error, ")
    problem = problem[:1].lower() + problem[1:]
    if not key:
        return problem
    given = fault["input"]
    return f"'{key}' is {given!r}: {problem}" if isinstance(given, str | int | float | None) else f"'{key}': {problem}"


def _known_keys(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    """The keys of the model in which the unknown key stands, the last part of `location`."""
    for part in location[:-1]:
        field = model.model_fields.get(str(part))
        model = (_model_in(field.annotation) if field else None) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `tuple[Model, ...]` or `Model | None` is about."""
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
