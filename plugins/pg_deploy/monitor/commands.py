"""What a command says that it does: which views it refreshes, what it reads and calls, what it builds at run time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pglast.parser import ParseError, parse_plpgsql_json, parse_sql_json

_REFRESH = re.compile(r"refresh\s+materialized\s+view", re.IGNORECASE)
_PARSED_AS = "do_body"


@dataclass
class Said:
    """What was read: names as they are written (`schema` empty where none is), in the order of the text.

    `constants` are the texts in it; `builds` says that one of them is part of a refresh that is put together at run time,
    `commits` that it commits in between.
    """

    refreshes: list[tuple[str, str]] = field(default_factory=list)
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    relations: list[tuple[str, str]] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    search_path: tuple[str, ...] | None = None
    executes: bool = False
    commits: bool = False
    unreadable: bool = False

    @property
    def builds(self) -> bool:
        """Whether it may refresh something that only its run knows."""
        return any(_REFRESH.search(text) for text in self.constants)


def read_command(text: str) -> Said:
    """What SQL says, statement by statement, with the bodies of its DO blocks. Never raises."""
    said = Said()
    _statements(text, said)
    return said


def read_body(language: str, text: str) -> Said:
    """What the body of a routine says. Never raises; a language that is not read leaves the texts in it."""
    said = Said()
    if language == "plpgsql":
        _plpgsql(text, said)
    elif language == "sql":
        _statements(re.sub(r"^\s*begin\s+atomic\b|\bend\s*;?\s*$", "", text, flags=re.IGNORECASE), said)
    else:
        _unreadable(text, said)
    return said


def _statements(text: str, said: Said) -> None:
    try:
        trees = json.loads(parse_sql_json(text)).get("stmts", ())
    except ParseError:
        _unreadable(text, said)
        return
    for tree in trees:
        _read(tree, said)


def _read(tree: object, said: Said) -> None:
    for kind, node in _nodes(tree):
        if kind == "RefreshMatViewStmt":
            named = node.get("relation", {})
            said.refreshes.append((named.get("schemaname", ""), named.get("relname", "")))
        elif kind in ("RangeVar", "relation") and "relname" in node:
            said.relations.append((node.get("schemaname", ""), node["relname"]))
        elif kind in ("FuncCall", "funccall"):
            names = [each["String"]["sval"] for each in node.get("funcname", ()) if "String" in each]
            if names:
                said.calls.append((names[-2] if len(names) > 1 else "", names[-1], len(node.get("args", ()))))
        elif kind == "A_Const" and "sval" in node:
            said.constants.append(node["sval"].get("sval", ""))
        elif kind == "VariableSetStmt" and node.get("name") == "search_path":
            said.search_path = tuple(
                each["A_Const"]["sval"].get("sval", "")
                for each in node.get("args", ())
                if "sval" in each.get("A_Const", {})
            )
        elif kind == "DoStmt":
            options = {each["DefElem"]["defname"]: each["DefElem"]["arg"] for each in node.get("args", ())}
            if options.get("language", {}).get("String", {}).get("sval", "plpgsql") == "plpgsql":
                _plpgsql(options.get("as", {}).get("String", {}).get("sval", ""), said)


def _plpgsql(body: str, said: Said) -> None:
    quote = next(f"${_PARSED_AS}{number}$" for number in range(1000) if f"${_PARSED_AS}{number}$" not in body)
    # What RETURN may say depends on what is returned; the body alone does not tell.
    for head in (
        "procedure f()",
        "function f() returns text",
        "function f() returns setof record",
        "function f() returns trigger",
    ):
        try:
            tree = json.loads(parse_plpgsql_json(f"create {head} language plpgsql as {quote}{body}{quote}"))
            break
        except ParseError:
            continue
    else:
        _unreadable(body, said)
        return
    for kind, node in _nodes(tree):
        if kind == "PLpgSQL_stmt_commit":
            said.commits = True
        elif kind in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"):
            said.executes = True
            query = node.get("query", {}).get("PLpgSQL_expr", {}).get("query", "")
            whole = re.fullmatch(r"\s*'((?:[^']|'')*)'\s*", query)
            if whole:
                _statements(whole[1].replace("''", "'"), said)
        elif kind == "PLpgSQL_expr":
            _expression(node.get("query", ""), said)


def _expression(text: str, said: Said) -> None:
    for tried in (text, f"select {text}", f"select {text.partition(':=')[2] or text.partition('=')[2]}"):
        try:
            trees = json.loads(parse_sql_json(tried)).get("stmts", ())
        except ParseError:
            continue
        _read(trees, said)
        return
    _unreadable(text, said)


def _unreadable(text: str, said: Said) -> None:
    said.unreadable = True
    said.constants.append(text)


def _nodes(tree: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(tree, list):
        for each in tree:
            yield from _nodes(each)
    elif isinstance(tree, dict):
        for kind, content in tree.items():
            if isinstance(content, dict):
                yield kind, content
            yield from _nodes(content)
