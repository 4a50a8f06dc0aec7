"""The dashboard and the alert rules of docs/dashboards speak of numbers that exist, and fire when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DASHBOARDS = Path(__file__).resolve().parents[2] / "docs" / "dashboards"
NUMBERS = re.compile(r"\bpg_deploy_[a-z_]+")


@pytest.mark.server
def test_promtool_is_content_with_the_rules() -> None:
    """Else the team's Prometheus refuses the file, or a rule never fires."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.fail(
            "promtool is not installed: `make test` installs Debian's package prometheus, which holds it", pytrace=False
        )
    done = subprocess.run(
        [promtool, "test", "rules", str(DASHBOARDS / "rules_test.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_number_that_is_shown_or_judged_is_in_the_book() -> None:
    """Else a panel stays empty because a number was renamed."""
    known = set(NUMBERS.findall((DASHBOARDS.parent / "monitor.md").read_text()))
    rules = yaml.safe_load((DASHBOARDS / "rules.yaml").read_text())
    used = {name for group in rules["groups"] for rule in group["rules"] for name in NUMBERS.findall(rule["expr"])}
    board = json.loads((DASHBOARDS / "grafana.json").read_text())
    used |= {name for panel in board["panels"] for each in panel["targets"] for name in NUMBERS.findall(each["expr"])}

    assert used <= known
    assert used > set()
