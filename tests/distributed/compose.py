"""Reading docker-compose.yaml: what each service runs and with which environment, as Compose would fill it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
FILE = CHECKOUT / "docker-compose.yaml"

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<rest>[^}]*))?\})")


class MissingVariableError(Exception):
    """A variable that the file demands is not set."""


@dataclass(frozen=True)
class Service:
    """One service, its variables filled in."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]


def document() -> dict[str, Any]:
    """The file as YAML gives it, before variables are filled in."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def services(variables: Mapping[str, str]) -> dict[str, Service]:
    """Every service by name, with `variables` as .env would give them. Raises MissingVariableError."""
    found = {}
    for name, service in document()["services"].items():
        command = tuple(filled_in(part, variables) for part in service.get("command", ()))
        environment = {key: filled_in(str(value), variables) for key, value in service.get("environment", {}).items()}
        found[name] = Service(name, command, environment)
    return found


def filled_in(text: str, variables: Mapping[str, str]) -> str:
    """`text` with ${NAME}, ${NAME:-default} and ${NAME:?why} replaced, and $$ for a dollar sign."""

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        given = variables.get(match["name"], "")
        if match["how"] == ":?" and not given:
            raise MissingVariableError(f"{match['name']}: {match['rest']}")
        return given or (match["rest"] if match["how"] == ":-" else "")

    return _VARIABLE.sub(value, text)


def variables_named(text: str) -> dict[str, str]:
    """Each variable that `text` names, with how it is asked for: ":?" demanded, ":-" with a default, "" as it is."""
    return {match["name"]: match["how"] or "" for match in _VARIABLE.finditer(text) if match["name"]}
