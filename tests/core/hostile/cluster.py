"""A private cluster of its own for a test, as the engine makes one for a copy."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

from pg_deploy.postgres.private_cluster import PrivateCluster, private_cluster
from tests.installed import installed

LOG = logging.getLogger("tests")


def bare_cluster(*preload: str) -> AbstractContextManager[PrivateCluster]:
    """An empty one behind the wall, with the superuser "admin" and these libraries; gone afterwards."""
    return private_cluster(
        installed(),
        superuser="admin",
        cron_database="postgres",
        preload=preload,
        settings={},
        workdir=None,
        log=LOG,
    )
