"""The PostgreSQL server that the tests run on: this machine's newest with pg_cron, or that of PG_DEPLOY_BINDIR."""

from __future__ import annotations

import pytest

from demo.server import Installation, find_installation
from pg_deploy.programs import Programs, server_programs


def installed() -> Installation:
    """The one server of all tests; the test fails where there is none."""
    found = find_installation()
    if found is None:
        pytest.fail(
            "no PostgreSQL server with pg_cron is installed: run `make test`, which installs one", pytrace=False
        )
    return found


def installed_programs() -> Programs:
    """Its programs, as the engine finds them."""
    return server_programs(installed().major)
