"""What EXPLAIN (analyze, buffers, format json) says of one run: its time, the blocks it touched, its plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Explained:
    """One run: ms with the planning, blocks touched, the planner's cost, a hash of the plan's shape, and how many rows came back.

    Without `analyze` there are a cost and a shape, and the time is that of the planning alone.
    """

    ms: float
    blocks: int | None
    cost: float | None
    shape: str | None
    rows: float = 0.0


def read_explained(explained: Any) -> Explained:
    """What EXPLAIN returned, as its text or as the value that psycopg makes of it. Pure.

    Where a rule does nothing in the statement's place there is no plan: it costs nothing, and took no time.
    """
    plans = json.loads(explained) if isinstance(explained, (str, bytes)) else explained
    head = plans[0] if plans else {}
    top = head.get("Plan", {})
    blocks = int(top.get("Shared Hit Blocks", 0)) + int(top.get("Shared Read Blocks", 0))
    shape = hashlib.sha256(json.dumps(plan_shape(top), sort_keys=True).encode()).hexdigest()[:16]
    ms = float(head.get("Execution Time", 0.0)) + float(head.get("Planning Time", 0.0))
    return Explained(ms, blocks, float(top.get("Total Cost", 0.0)), shape, float(top.get("Actual Rows", 0.0)))


def plan_shape(node: Mapping[str, Any]) -> dict[str, object]:
    """The plan without its numbers: node types, relations, indexes."""
    kept = {key: node[key] for key in ("Node Type", "Relation Name", "Index Name", "Join Type") if key in node}
    return {**kept, "Plans": [plan_shape(child) for child in node.get("Plans", ())]}
