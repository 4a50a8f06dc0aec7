"""Whether the differences found are those that a migration declares; access.yaml is where it does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import yaml

from pg_deploy.access.engines.cross_check import Disagreement
from pg_deploy.access.facts.access_change import AccessChange, join_with_and
from pg_deploy.access.facts.unsettled import Unsettled
from pg_deploy.access.proof.drilldown import RowDifference
from pg_deploy.access.proof.proof import Proof
from pg_deploy.ledger.kinds.access import Outcome
from pg_deploy.migrations.access_file import FILE, AccessFile, Declared
from pg_deploy.migrations.manifest import SAY_WHY, Access

AccessDifference = AccessChange | RowDifference


@dataclass(frozen=True)
class Said:
    """One sentence of a decision: about a difference, to which it may add something, or advice what to do about all others."""

    text: str
    about: AccessDifference | None = None
    added: str = ""
    is_advice: bool = False

    @classmethod
    def of(cls, found: AccessDifference, added: str = "") -> Said:
        """What a difference says, and more."""
        return cls(f"{found.sentence}{added}", found, added)

    @property
    def repeated(self) -> Said:
        """The same if the cause was told before."""
        told = self.about.repeated if isinstance(self.about, RowDifference) else ""
        return replace(self, text=f"{told}{self.added}") if told else self


@dataclass(frozen=True)
class Decision:
    """`passes` or not; `reasons` say what counts against the migration, `remarks` what is only shown."""

    passes: bool
    outcome: Outcome
    reasons: tuple[Said, ...] = ()
    remarks: tuple[Said, ...] = ()

    @property
    def against(self) -> tuple[str, ...]:
        """The reasons in words."""
        return tuple(each.text for each in self.reasons)

    @property
    def shown(self) -> tuple[str, ...]:
        """The remarks in words."""
        return tuple(each.text for each in self.remarks)


def decide(access: Access, declared: AccessFile, proof: Proof, *, rows_were_asked: bool = True) -> Decision:
    """What a migration's `access` makes of what was found.

    `unchanged`: nothing may differ on what existed before, and what is opened must be declared. `changed`: the
    differences must be those declared, each of them, and each declared one must be found. Under both, whatever is not
    settled must be declared as `unproven`; where rows could not be asked (`rows_were_asked` is false) it is shown only.
    `undeclared`: shown only, first.
    """
    unsettled = unsettled_of(proof)
    changes = [Said.of(change) for change in proof.changes if not change.decides]
    shown = _once([*changes, *map(Said, proof.notes)])
    open_ones = [each for each in unsettled if each.object not in {entry.target for entry in declared.unproven}]
    opened = [said for change in proof.opened for said in _undeclared(change, declared.opened, "opened")]
    if access == "undeclared":
        everything = (
            *(Said.of(found) for found in (*proof.found, *proof.opened)),
            *(Said(each.sentence) for each in unsettled),
            *shown,
        )
        counts = proof.found or proof.opened or unsettled
        return Decision(True, Outcome.UNDECLARED if counts else Outcome.UNCHANGED, (), _once(everything))
    found = proof.found if access == "unchanged" else ()
    against = [Said.of(each) for each in found]
    if access == "changed":
        against += [said for each in proof.found for said in _undeclared(each, declared.changed, "changed")]
    against += opened
    if access == "changed":
        against += [
            Said(
                f'{FILE} declares that {join_with_and(entry.role)} can {join_with_and(entry.command)} "{entry.target}" differently,'
                " and nothing of it was found"
            )
            for entry in declared.changed
            if not any(_concerns(entry, each) for each in proof.found)
        ]
    if rows_were_asked:
        against += [Said(each.sentence) for each in open_ones]
    else:
        shown = (*(Said(each.sentence) for each in open_ones), *shown)
    erring = _erring(proof)
    # One text for the whole file: two that are pasted one below the other are no YAML.
    entries = {
        "opened": _to_declare(proof.opened, declared.opened, "opened"),
        "changed": _to_declare(proof.found, declared.changed if access == "changed" else (), "changed"),
        "unproven": _unproven_to_declare([each for each in open_ones if each.object not in erring])
        if rows_were_asked
        else [],
    }
    against += _to_paste({section: listed for section, listed in entries.items() if listed}, access)
    if against and (erring or any(each.direction == "error" for each in proof.found)):
        against.append(Said(_NEVER_MEANT))
    declares = proof.opened or (proof.found and access == "changed") or (unsettled and rows_were_asked)
    outcome = Outcome.DIFFERENT if against else Outcome.AS_DECLARED if declares else Outcome.UNCHANGED
    accepted = [Said(f"declared as unproven: {each.sentence}") for each in unsettled if each not in open_ones]
    warned = map(Said, _without_direction(declared.changed))
    told = [Said.of(each) for each in proof.found] if access == "changed" else []
    return Decision(not against, outcome, _once(against), (*accepted, *told, *warned, *shown))


def is_declared(found: AccessDifference, declared: AccessFile) -> bool:
    """Whether all that a difference changes is among what access.yaml declares as `changed`."""
    return not _undeclared(found, declared.changed, "changed")


def _once(said: Iterable[Said]) -> tuple[Said, ...]:
    """Each sentence once."""
    first: dict[str, Said] = {}
    for each in said:
        first.setdefault(each.text, each)
    return tuple(first.values())


def unsettled_of(proof: Proof) -> tuple[Unsettled, ...]:
    """What is not settled, an answer of the real machinery that disagrees with the predicates included."""
    alike: dict[tuple[str, str, str], list[Disagreement]] = {}
    for each in proof.disagreements:
        found = each.found if _ERROR.match(each.found) else ""
        # One error of a table is told once, not for each user; other answers differ from user to user.
        key = (each.cell.table, found, "" if found else each.sentence)
        alike.setdefault(key, []).append(each)
    disagreeing = [
        Unsettled(first.cell.table, f"{first.sentence}{f' ({len(more)} more like it)' if more else ''}")
        for first, *more in alike.values()
    ]
    return tuple(dict.fromkeys([*proof.unsettled, *disagreeing]))


_ERROR = re.compile(r"[0-9A-Z]{5} ")


def _erring(proof: Proof) -> set[str]:
    """The tables of which somebody really gets an error, where the predicates say rows: nobody means that."""
    return {each.cell.table for each in proof.disagreements if _ERROR.match(each.found)}


def _without_direction(entries: Sequence[Declared]) -> list[str]:
    """A warning for entries that speak of gains and losses alike."""
    names = dict.fromkeys(entry.target for entry in entries if entry.direction is None)
    if not names:
        return []
    return [
        f"warning: {FILE} does not say in which direction {join_with_and(names)} changes, so it covers gains and losses;"
        " add `direction: gained` or `direction: lost`"
    ]


_NEVER_MEANT = (
    "an error is hardly ever what is meant, so nothing is proposed to declare it: mend the policy (where two tables' "
    "policies ask each other, a security definer function that reads one of them breaks the circle)"
)


def _to_paste(entries: Mapping[str, list[dict[str, object]]], access: Access) -> list[Said]:
    """One sentence with what to write into access.yaml, if that is meant; none if nothing is missing."""
    if not entries:
        return []
    before = "access: changed in migration.yaml, and " if "changed" in entries and access == "unchanged" else ""
    # YAML's safe words are for plain texts only, and an identity is more than that.
    plain = json.loads(json.dumps(dict(entries)))
    text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=10_000).strip()
    return [
        *_to_revoke(entries.get("opened", ())),
        Said(f"if that is meant, write {before}into {FILE} beside migration.yaml: {text}", is_advice=True),
    ]


def _to_revoke(opened: Sequence[Mapping[str, object]]) -> list[Said]:
    """What takes back the rights on new objects, which default privileges often gave: said before what declares them."""
    lines = []
    for entry in opened:
        named, commands, roles = str(entry["object"]), entry["command"], entry["role"]
        if (
            isinstance(commands, list)
            and isinstance(roles, list)
            and "*" not in roles
            and "." in named
            and " " not in named
        ):
            lines.append(f"revoke all on {'function ' if named.endswith(')') else ''}{named} from {', '.join(roles)};")
    said = f"what is not meant is taken back in the migration itself: {' '.join(lines)}"
    return [Said(said, is_advice=True)] if lines else []


def _unproven_to_declare(unsettled: Sequence[Unsettled]) -> list[dict[str, object]]:
    return [
        {"object": name, "why": f"{SAY_WHY} why this is acceptable>"}
        for name in dict.fromkeys(e.object for e in unsettled)
    ]


def _undeclared(found: AccessDifference, entries: Sequence[Declared], section: str) -> list[Said]:
    pairs = _pairs(found)
    missing = [pair for pair in pairs if not any(entry.covers(*pair, found.direction) for entry in entries)]
    if not missing:
        return []
    commands = join_with_and(dict.fromkeys(command for _, _, command in missing))
    role, named, _ = missing[0]
    lacking = f"; {FILE} does not declare it under `{section}`"
    if role in found.sentence and named in found.sentence:
        return [Said.of(found, lacking)]
    which = f", direction {found.direction}" if section == "changed" and found.direction in ("gained", "lost") else ""
    return [Said.of(found, f"{lacking} (role {role}, object {named}, command {commands}{which})")]


def _to_declare(
    found: Sequence[AccessDifference], entries: Sequence[Declared], section: str
) -> list[dict[str, object]]:
    """The entries of access.yaml that are missing. None is proposed for an error that users now get: see _NEVER_MEANT."""
    missing: dict[tuple[str, tuple[str, ...], str], dict[str, None]] = {}
    whole = {(role, named, each.direction) for each in found for role, named, command in _pairs(each) if command == "*"}
    for each in found:
        if each.direction == "error":
            continue
        commands: dict[tuple[str, str], dict[str, None]] = {}
        for role, named, command in _pairs(each):
            if command != "*" and (role, named, each.direction) in whole:
                continue
            if not any(entry.covers(role, named, command, each.direction) for entry in entries):
                commands.setdefault((role, named), {})[command] = None
        for (role, named), told in commands.items():
            missing.setdefault((named, tuple(told), each.direction), {})[role] = None
    return [
        {
            "role": list(roles),
            "object": named,
            "command": list(commands),
            **({"direction": direction if direction in ("gained", "lost") else "both"} if section == "changed" else {}),
            "why": f"{SAY_WHY} why this is meant>",
        }
        for (named, commands, direction), roles in missing.items()
    ]


def _pairs(found: AccessDifference) -> list[tuple[str, str, str]]:
    named = found.object if isinstance(found, AccessChange) else found.table
    roles = found.role.split(", ") if found.role else ["*"]
    return [(role, named, _command(command)) for role in roles for command in found.commands or ("*",)]


def _command(command: str) -> str:
    return "update" if command == "produce by update" else command


def _concerns(entry: Declared, found: AccessDifference) -> bool:
    return any(entry.covers(*pair, found.direction) for pair in _pairs(found))
