"""A file of 50 MB of inserts: a whole deployment with backup and rehearsal, its memory, and what its pages weigh.

Goals, after tests/cases/files/fifty-megabytes: no longer than psql needs for it, twice over, and a minute; in memory the file a few
times over, flat beyond that; no page over 1 MB.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.long_folder import with_psql, with_us
from demo import cluster
from demo.server import next_free_port
from launch.settings import LOGIN, PASSWORD

MAKE = Path(__file__).resolve().parents[1] / "tests" / "cases" / "files" / "fifty-megabytes" / "make.py"
ALLOWED_PAGE = 2**20
