"""docker-compose.yaml says what it should, as far as that can be told without Docker."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.distributed.compose import CHECKOUT, FILE, MissingVariableError, document, services, variables_named

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker-1", "worker-2")
EXAMPLE = CHECKOUT / ".env.example"


def _example() -> dict[str, str]:
    lines = [line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if re.match(r"[A-Z_]+=", line)]
    return dict(line.split("=", 1) for line in lines)


def test_the_file_is_what_the_compose_specification_allows() -> None:
    """A misspelt key would be an error at whoever starts it first, in production."""
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    # The schema calls itself "draft-07", by an address that the library no longer knows with its trailing part.
    found = [
        f"{list(error.path)}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(document())
    ]
    assert found == []


def test_every_process_of_the_production_shape_is_there_with_a_health_check_and_a_memory_limit() -> None:
    """A scheduler that hangs, or a rehearsal that eats the host, must be noticed by Docker."""
    found = document()["services"]
    assert set(found) == {*AIRFLOW, "postgres", "redis", "init", "target", "target-data"}
    for name in (*AIRFLOW, "postgres", "redis", "target"):
        assert "healthcheck" in found[name], name
    for name, service in found.items():
        assert "mem_limit" in service, name
    assert {name for name, service in found.items() if "demo" in service.get("profiles", [])} == {
        "target",
        "target-data",
    }


def test_no_secret_and_no_default_password_stands_in_the_file() -> None:
    """What is in the repository is known to everybody who may read it."""
    demanded = {name for name, how in variables_named(FILE.read_text(encoding="utf-8")).items() if how == ":?"}
    assert demanded == {
        "FERNET_KEY", "API_SECRET_KEY", "JWT_SECRET", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "ADMIN_PASSWORD",
    }  # fmt: skip
    for name in sorted(demanded):
        complete = {each: "x" for each in demanded if each != name}
        with pytest.raises(MissingVariableError, match=name):
            services(complete)
    for name, service in document()["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET_KEY|JWT_SECRET|FERNET", key):
                assert re.fullmatch(r"\$\{\w+(:\?[^}]*|:-)\}", str(value)), (name, key)
            assert not re.search(r"//\w*:[^$@/]+@", str(value)), (name, key)


def test_the_example_names_every_variable_and_holds_no_value_of_a_secret() -> None:
    """Whoever copies it must find each thing to fill in, and start with nothing that others know."""
    text = EXAMPLE.read_text(encoding="utf-8")
    named = set(re.findall(r"^#?([A-Z_]+)=", text, flags=re.MULTILINE))
    used = set(variables_named(FILE.read_text(encoding="utf-8")))
    tuning = {"IMAGE", "WORKER_CONCURRENCY", "TASK_INSTANCE_HEARTBEAT_TIMEOUT"}
    assert used - named <= tuning
    assert named <= used
    values = _example()
    assert {name for name, value in values.items() if value} == {"ADMIN_USER"}
    assert ".env" in (CHECKOUT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_ui_is_published_on_loopback_unless_somebody_says_otherwise() -> None:
    """A login page on every address of a host is found within minutes."""
    assert document()["services"]["api-server"]["ports"] == ["${AIRFLOW_LISTEN:-127.0.0.1:8080}:8080"]
    published = [name for name, service in document()["services"].items() if "ports" in service]
    assert published == ["api-server"]


def test_the_image_is_built_from_our_lock_and_the_airflow_of_that_lock() -> None:
    """Another Airflow than the one everything was tested on would be deployed."""
    dockerfile = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    lock = (CHECKOUT / "requirements.txt").read_text(encoding="utf-8")
    version = re.search(r"^apache-airflow==(\S+)", lock, flags=re.MULTILINE)
    assert version
    assert f"ARG AIRFLOW_VERSION={version[1]}" in dockerfile
    assert "pip install --no-cache-dir --no-deps -r requirements.txt" in dockerfile
    assert re.findall(r"^COPY \S+ (\S+) \S+$", dockerfile, re.MULTILINE) == ["requirements.txt", "."]
