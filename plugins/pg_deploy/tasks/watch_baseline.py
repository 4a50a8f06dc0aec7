"""The baseline of the watch. A deployment measures it, unless the monitor has just looked."""

from __future__ import annotations

import time

from pg_deploy.configuration.duration import format_duration
from pg_deploy.monitor.before_deployment import is_measured_lately, measure_before_deployment
from pg_deploy.postgres.session import Target, one_line
from pg_deploy.presentation.secrecy import without_secrets
from pg_deploy.tasks.outside_connections import measure_outside
from pg_deploy.tasks.run import log


def measure_before(target: Target, deployment_id: int) -> None:
    """Measure once, so that the 48 hours after have something to be compared with. Never raises for a fault."""
    began = time.monotonic()
    try:
        if is_measured_lately(target):
            return
        found = measure_before_deployment(target, deployment_id, measure_outside(target.name, {}))
    except Exception as error:
        problem = without_secrets(one_line(str(error)))
        # Whatever it is: a deployment must not fail for want of figures to compare it with later.
        log.warning("the time before is not measured, so the watch may have nothing to compare: %s", problem)
        return
    log.info(
        "measured before, for the watch after: %d criteria, %d statements, in %s",
        len(found.values),
        len(found.statements),
        format_duration(time.monotonic() - began),
    )
