"""What is made of a PL/pgSQL body: a program in which the server reads each of its statements, and runs none.

Declarations and blocks stay as they are, so names mean what they mean in the body. Conditions are left out: every branch is seen.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from pg_deploy.postgres.quoting import in_full, literal

LOOKED = "PDB01"
"""The SQLSTATE of the error with which a program ends; its detail is what the program found."""
_REFUSED_AS_WANTED = "0A000"
"""A STABLE function may write nothing and run no command, such as EXPLAIN. The server refuses it after it analysed the statement."""


@dataclass(frozen=True)
class Check:
    """A part of the body that the server is asked about, with what stands before and behind it in the question.

    With `only`, no other SQLSTATE counts.
    """

    lead: str
    text: str
    tail: str = ""
    only: str = ""

    def question(self) -> str:
        """What the server is given."""
        return f"{self.lead}{self.text}{self.tail}"

    def place_in(self, question: str, position: int) -> int | None:
        """The place in the part of a place in the question; None if it is outside the part."""
        start = question.find(self.text)
        place = position - start
        return place if start >= 0 and 0 <= place < len(self.text) else None


@dataclass
class Program:
    """Declarations, blocks and checks, in the order of the body. `options` are the lines that begin with # in it."""

    parts: list[str | Check] = field(default_factory=list)
    options: list[str] = field(default_factory=list)

    @property
    def checks(self) -> list[Check]:
        """All checks in order; a program names one by its place among them."""
        return [part for part in self.parts if isinstance(part, Check)]

    def function_body(self, name: str, declared: list[str], *, bare: int | None = None) -> str:
        """The body of a function that ends in an error with SQLSTATE LOOKED; with `bare`, in the error of that check alone."""
        lines = [*self.options, "declare deploy_found pg_catalog.text[] := '{}'; begin"]
        lines += [f"<<{in_full(name)}>> declare", *declared, "begin"]
        number = 0
        for part in self.parts:
            if isinstance(part, str):
                lines.append(part)
                continue
            lines.append(f"{part.question()}\n;" if number == bare else _caught(number, part) if bare is None else "")
            number += 1
        end = (
            f"raise exception using errcode = '{LOOKED}', message = 'looked', detail = pg_catalog.to_json(deploy_found)"
        )
        return "\n".join((*lines, "end;", f"{end};", "end"))


def _caught(number: int, check: Check) -> str:
    counts = f"sqlstate = {literal(check.only)}" if check.only else f"sqlstate <> '{_REFUSED_AS_WANTED}'"
    noted = f"pg_catalog.array_append(deploy_found, pg_catalog.format('%s %s %s', {number}, sqlstate, sqlerrm))"
    return (
        f"begin {check.question()}\n; exception when others then if {counts} then deploy_found := {noted}; end if; end;"
    )


def failed_checks(detail: str | None) -> list[tuple[int, str, str]]:
    """The checks that failed, by their numbers, with SQLSTATE and message."""
    found = [str(each).split(" ", 2) for each in json.loads(detail or "[]")]
    return [(int(number), state, message) for number, state, message in found]
