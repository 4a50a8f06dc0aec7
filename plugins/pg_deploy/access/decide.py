"""Whether the differences found are those that a migration declares in access.yaml."""

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
class Sentence:
    """One sentence of a decision: about a difference, to which it may add something, or advice what to do."""

    text: str
    about: AccessDifference | None = None
    added: str = ""
    is_advice: bool = False

    @classmethod
    def of(cls, found: AccessDifference, added: str = "") -> Sentence:
        """The sentence of a difference, with an addition."""
        return cls(f"{found.sentence}{added}", found, added)

    @property
    def repeated(self) -> Sentence:
        """The sentence for a difference whose cause another sentence told before."""
        text = self.about.repeated if isinstance(self.about, RowDifference) else ""
        return replace(self, text=f"{text}{self.added}") if text else self


@dataclass(frozen=True)
class Decision:
    """Whether a migration passes; `reasons` say what counts against it, `remarks` are only shown."""

    passes: bool
    outcome: Outcome
    reasons: tuple[Sentence, ...] = ()
    remarks: tuple[Sentence, ...] = ()

    @property
    def against(self) -> tuple[str, ...]:
        """The texts of the reasons."""
        return tuple(each.text for each in self.reasons)

    @property
    def shown(self) -> tuple[str, ...]:
        """The texts of the remarks."""
        return tuple(each.text for each in self.remarks)


def decide(access: Access, declared: AccessFile, proof: Proof, *, rows_were_asked: bool = True) -> Decision:
    """Decide by a migration's `access` what the differences found mean for it.

    `unchanged`: nothing may differ on what existed before, and what is opened must be declared. `changed`: each difference
    must be declared, and each declared one must be found. Under both, what is not settled must be declared as `unproven`;
    if rows could not be asked (`rows_were_asked` is false), it is only shown. `undeclared`: all is only shown.
    """
    unsettled = unsettled_with_disagreements(proof)
    changes = [Sentence.of(change) for change in proof.changes if not change.decides]
    shown = _once([*changes, *map(Sentence, proof.notes)])
    open_ones = [each for each in unsettled if each.object not in {entry.target for entry in declared.unproven}]
    opened = [sentence for change in proof.opened for sentence in _undeclared(change, declared.opened, "opened")]
    if access == "undeclared":
        everything = (
            *(Sentence.of(found) for found in (*proof.found, *proof.opened)),
            *(Sentence(each.sentence) for each in unsettled),
            *shown,
        )
        is_any = proof.found or proof.opened or unsettled
        return Decision(True, Outcome.UNDECLARED if is_any else Outcome.UNCHANGED, (), _once(everything))
    found = proof.found if access == "unchanged" else ()
    against = [Sentence.of(each) for each in found]
    if access == "changed":
        against += [sentence for each in proof.found for sentence in _undeclared(each, declared.changed, "changed")]
    against += opened
    if access == "changed":
        against += [
            Sentence(
                f'{FILE} declares that {join_with_and(entry.role)} can {join_with_and(entry.command)} "{entry.target}" differently,'
                " and nothing of it was found"
            )
            for entry in declared.changed
            if not any(_concerns(entry, each) for each in proof.found)
        ]
    if rows_were_asked:
        against += [Sentence(each.sentence) for each in open_ones]
    else:
        shown = (*(Sentence(each.sentence) for each in open_ones), *shown)
    erring = _tables_with_errors(proof)
    # One text for the whole file: two that are pasted one below the other are not valid YAML.
    entries = {
        "opened": _to_declare(proof.opened, declared.opened, "opened"),
        "changed": _to_declare(proof.found, declared.changed if access == "changed" else (), "changed"),
        "unproven": _unproven_to_declare([each for each in open_ones if each.object not in erring])
        if rows_were_asked
        else [],
    }
    against += _to_paste({section: listed for section, listed in entries.items() if listed}, access)
    if against and (erring or any(each.direction == "error" for each in proof.found)):
        against.append(Sentence(_NEVER_MEANT))
    declares = proof.opened or (proof.found and access == "changed") or (unsettled and rows_were_asked)
    outcome = Outcome.DIFFERENT if against else Outcome.AS_DECLARED if declares else Outcome.UNCHANGED
    accepted = [Sentence(f"declared as unproven: {each.sentence}") for each in unsettled if each not in open_ones]
    warnings = map(Sentence, _warn_of_no_direction(declared.changed))
    differences = [Sentence.of(each) for each in proof.found] if access == "changed" else []
    return Decision(not against, outcome, _once(against), (*accepted, *differences, *warnings, *shown))


def is_declared(found: AccessDifference, declared: AccessFile) -> bool:
    """Whether access.yaml declares all of a difference under `changed`."""
    return not _undeclared(found, declared.changed, "changed")


def _once(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
    """Each sentence once."""
    first: dict[str, Sentence] = {}
    for each in sentences:
        first.setdefault(each.text, each)
    return tuple(first.values())


def unsettled_with_disagreements(proof: Proof) -> tuple[Unsettled, ...]:
    """What is not settled, with the answers of the real machinery that disagree with the predicates."""
    alike: dict[tuple[str, str, str], list[Disagreement]] = {}
    for each in proof.disagreements:
        error = each.found if _ERROR.match(each.found) else ""
        # The same error on a table is told once, not for each user; other answers differ from user to user.
        key = (each.cell.table, error, "" if error else each.sentence)
        alike.setdefault(key, []).append(each)
    disagreeing = [
        Unsettled(first.cell.table, f"{first.sentence}{f' ({len(more)} more like it)' if more else ''}")
        for first, *more in alike.values()
    ]
    return tuple(dict.fromkeys([*proof.unsettled, *disagreeing]))


_ERROR = re.compile(r"[0-9A-Z]{5} ")


def _tables_with_errors(proof: Proof) -> set[str]:
    """The tables on which somebody really gets an error although the predicates say rows: nobody means that."""
    return {each.cell.table for each in proof.disagreements if _ERROR.match(each.found)}


def _warn_of_no_direction(entries: Sequence[Declared]) -> list[str]:
    """A warning for entries without a direction: they cover gains and losses alike."""
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


def _to_paste(entries: Mapping[str, list[dict[str, object]]], access: Access) -> list[Sentence]:
    """What to revoke if it is not meant, and what to write into access.yaml if it is; nothing if no entry is missing."""
    if not entries:
        return []
    before = "access: changed in migration.yaml, and " if "changed" in entries and access == "unchanged" else ""
    # yaml.safe_dump takes plain strings only, and an identity is a subclass.
    plain = json.loads(json.dumps(dict(entries)))
    text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=10_000).strip()
    return [
        *_to_revoke(entries.get("opened", ())),
        Sentence(f"if that is meant, write {before}into {FILE} beside migration.yaml: {text}", is_advice=True),
    ]


def _to_revoke(opened: Sequence[Mapping[str, object]]) -> list[Sentence]:
    """The statements that take back the rights on new objects, which default privileges often gave."""
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
    advice = f"what is not meant is taken back in the migration itself: {' '.join(lines)}"
    return [Sentence(advice, is_advice=True)] if lines else []


def _unproven_to_declare(unsettled: Sequence[Unsettled]) -> list[dict[str, object]]:
    return [
        {"object": name, "why": f"{SAY_WHY} why this is acceptable>"}
        for name in dict.fromkeys(each.object for each in unsettled)
    ]


def _undeclared(found: AccessDifference, entries: Sequence[Declared], section: str) -> list[Sentence]:
    """One sentence if a part of a difference is in none of these entries, else none."""
    parts = _parts(found)
    missing = [part for part in parts if not any(entry.covers(*part, found.direction) for entry in entries)]
    if not missing:
        return []
    commands = join_with_and(dict.fromkeys(command for _, _, command in missing))
    role, named, _ = missing[0]
    lacking = f"; {FILE} does not declare it under `{section}`"
    if role in found.sentence and named in found.sentence:
        return [Sentence.of(found, lacking)]
    which = f", direction {found.direction}" if section == "changed" and found.direction in ("gained", "lost") else ""
    return [Sentence.of(found, f"{lacking} (role {role}, object {named}, command {commands}{which})")]


def _to_declare(
    found: Sequence[AccessDifference], entries: Sequence[Declared], section: str
) -> list[dict[str, object]]:
    """The entries that access.yaml lacks. None is proposed for an error that users now get: see _NEVER_MEANT."""
    missing: dict[tuple[str, tuple[str, ...], str], dict[str, None]] = {}
    whole = {(role, named, each.direction) for each in found for role, named, command in _parts(each) if command == "*"}
    for each in found:
        if each.direction == "error":
            continue
        commands: dict[tuple[str, str], dict[str, None]] = {}
        for role, named, command in _parts(each):
            if command != "*" and (role, named, each.direction) in whole:
                continue
            if not any(entry.covers(role, named, command, each.direction) for entry in entries):
                commands.setdefault((role, named), {})[command] = None
        for (role, named), of_role in commands.items():
            missing.setdefault((named, tuple(of_role), each.direction), {})[role] = None
    return [
        {
            "role": list(roles),
            "object": named,
            "command": list(of_roles),
            **({"direction": direction if direction in ("gained", "lost") else "both"} if section == "changed" else {}),
            "why": f"{SAY_WHY} why this is meant>",
        }
        for (named, of_roles, direction), roles in missing.items()
    ]


def _parts(found: AccessDifference) -> list[tuple[str, str, str]]:
    """A difference as role, object and command, for each role and command."""
    named = found.object if isinstance(found, AccessChange) else found.table
    roles = found.role.split(", ") if found.role else ["*"]
    return [(role, named, _command(command)) for role in roles for command in found.commands or ("*",)]


def _command(command: str) -> str:
    return "update" if command == "produce by update" else command


def _concerns(entry: Declared, found: AccessDifference) -> bool:
    return any(entry.covers(*part, found.direction) for part in _parts(found))
