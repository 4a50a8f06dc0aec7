"""What a command says that it does: which views it refreshes, what it reads and calls, what it builds at run time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pglast.parser import ParseError, parse_plpgsql_json, parse_sql_json, scan

from pg_deploy.postgres.quoting import identifier, literal

_REFRESH = re.compile(r"refresh\s+materialized\s+view", re.IGNORECASE)
_PARSED_AS = "do_body"
_LIST = re.compile(r'"((?:[^"]|"")*)"|([^\s,]+)')


@dataclass(frozen=True)
class Named:
    """A name as it is written (`schema` empty where none is), and the search_path that was set before it, if any."""

    schema: str
    name: str
    path: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Called(Named):
    """A call, with how many arguments are given; None where that was not counted."""

    given: int | None = None


@dataclass
class Said:
    """What was read, in the order of the text.

    `constants` are the texts in it; `builds` says that one of them is part of a refresh that is put together at run time,
    `commits` that it commits in between. `search_path` is the one that was set last.
    """

    refreshes: list[Named] = field(default_factory=list)
    calls: list[Called] = field(default_factory=list)
    relations: list[tuple[str, str]] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    search_path: tuple[str, ...] | None = None
    commits: bool = False

    @property
    def builds(self) -> bool:
        """Whether it may refresh something that only its run knows."""
        return any(_REFRESH.search(text) for text in self.constants)


def read_command(text: str) -> Said:
    """What SQL says, statement by statement, with the bodies of its DO blocks. Never raises."""
    said = Said()
    _statements(text, said)
    return said


def read_body(language: str, text: str, definition: str = "") -> Said:
    """What the body of a routine says; `definition` is its whole CREATE, where that is known. Never raises; a language that
    is not read leaves the texts in it.
    """
    said = Said()
    if language == "plpgsql":
        _plpgsql(text, said, definition)
    elif language == "sql":
        _statements(re.sub(r"^\s*begin\s+atomic\b|\bend\s*;?\s*$", "", text, flags=re.IGNORECASE), said)
    else:
        said.constants.append(text)
    return said


def split_path(value: str) -> tuple[str, ...]:
    """A search_path as the schemas that it names."""
    parts = [quoted.replace('""', '"') if quoted else word.lower() for quoted, word in _LIST.findall(value)]
    return tuple(part for part in parts if part)


def _statements(text: str, said: Said) -> None:
    try:
        trees = json.loads(parse_sql_json(text)).get("stmts", ())
    except ParseError:
        _scanned(text, said)
        return
    for tree in trees:
        _read(tree, said)


def _read(tree: object, said: Said) -> None:
    for kind, node in _nodes(tree):
        if kind == "RefreshMatViewStmt":
            named = node.get("relation", {})
            said.refreshes.append(Named(named.get("schemaname", ""), named.get("relname", ""), said.search_path))
        elif kind in ("RangeVar", "relation") and "relname" in node:
            said.relations.append((node.get("schemaname", ""), node["relname"]))
        elif kind in ("FuncCall", "funccall"):
            _call(node, said)
        elif kind == "A_Const" and "sval" in node:
            said.constants.append(node["sval"].get("sval", ""))
        elif kind == "VariableSetStmt" and node.get("name") == "search_path":
            # Without values it is set back to what it was.
            words = [_constant(each) for each in node.get("args", ())]
            said.search_path = tuple(word for word in words if word) if words else None
        elif kind == "DoStmt":
            options = {each["DefElem"]["defname"]: each["DefElem"]["arg"] for each in node.get("args", ())}
            if options.get("language", {}).get("String", {}).get("sval", "plpgsql") == "plpgsql":
                _plpgsql(options.get("as", {}).get("String", {}).get("sval", ""), said)


def _call(node: dict[str, Any], said: Said) -> None:
    names = [each["String"]["sval"] for each in node.get("funcname", ()) if "String" in each]
    given = node.get("args", ())
    if names[-1:] == ["set_config"] and len(given) == 3 and _constant(given[0]) == "search_path":
        value = _constant(given[1])
        said.search_path = split_path(value) if value is not None else None
    elif names:
        schema = names[-2] if len(names) > 1 else ""
        said.calls.append(Called(schema, names[-1], said.search_path, len(given)))


def _plpgsql(body: str, said: Said, definition: str = "") -> None:
    quote = next(f"${_PARSED_AS}{number}$" for number in range(1000) if f"${_PARSED_AS}{number}$" not in body)
    # What RETURN may say, and which parameters there are, the body alone does not tell.
    heads = (
        "procedure f()",
        "function f() returns text",
        "function f() returns setof record",
        "function f() returns trigger",
    )
    for tried in (definition, *(f"create {head} language plpgsql as {quote}{body}{quote}" for head in heads)):
        try:
            tree = json.loads(parse_plpgsql_json(tried)) if tried else []
        except ParseError:
            continue
        if tree:
            _read_plpgsql(tree, said)
            return
    # One with a variable of a type of its own is not parsed.
    _scanned(body, said)


def _read_plpgsql(tree: object, said: Said) -> None:
    for each in tree if isinstance(tree, list) else ():
        _read_plpgsql(each, said)
    for kind, node in tree.items() if isinstance(tree, dict) else ():
        if kind == "PLpgSQL_stmt_commit":
            said.commits = True
        elif kind in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"):
            text = _constant_text(node.get("query", {}).get("PLpgSQL_expr", {}).get("query", ""))
            if text is not None:
                _statements(text, said)
                _read_plpgsql({name: content for name, content in node.items() if name != "query"}, said)
                continue
        elif kind == "PLpgSQL_expr":
            _expression(node.get("query", ""), said)
        _read_plpgsql(node, said)


def _constant_text(expression: str) -> str | None:
    """What an expression comes to, where that is a text made of constants."""
    try:
        (tree,) = json.loads(parse_sql_json(f"select {expression}")).get("stmts", ())
        (target,) = tree["stmt"]["SelectStmt"]["targetList"]
    except (ParseError, ValueError, KeyError):
        return None
    return _constant(target["ResTarget"]["val"])


def _constant(node: dict[str, Any]) -> str | None:
    if "A_Const" in node:
        value = node["A_Const"]
        if "sval" in value:
            return str(value["sval"].get("sval", ""))
        return str(value["ival"].get("ival", 0)) if "ival" in value else None
    if "TypeCast" in node:
        return _constant(node["TypeCast"].get("arg", {}))
    if "A_Expr" in node:
        each = node["A_Expr"]
        operator = [part["String"]["sval"] for part in each.get("name", ()) if "String" in part]
        left, right = _constant(each.get("lexpr", {})), _constant(each.get("rexpr", {}))
        return left + right if operator == ["||"] and left is not None and right is not None else None
    call = node.get("FuncCall", {})
    if [part["String"]["sval"] for part in call.get("funcname", ()) if "String" in part][-1:] != ["format"]:
        return None
    first, *rest = [_constant(each) for each in call.get("args", ())] or [None]
    values = iter(rest)
    if (
        first is None
        or None in rest
        or len(re.findall("%[sIL]", first)) != len(rest)
        or "%" in re.sub("%[sIL]", "", first)
    ):
        return None
    formats: dict[str, Callable[[str], str]] = {"%s": str, "%I": identifier, "%L": literal}
    return re.sub("%[sIL]", lambda match: formats[match[0]](next(values) or ""), first)


def _expression(text: str, said: Said) -> None:
    for tried in (text, f"select {text}", f"select {text.partition(':=')[2] or text.partition('=')[2]}"):
        try:
            trees = json.loads(parse_sql_json(tried)).get("stmts", ())
        except ParseError:
            continue
        _read(trees, said)
        return
    said.constants.append(text)


def _scanned(text: str, said: Said) -> None:
    """What can be told of a text that cannot be parsed, by its words: comments and texts in it are no statements."""
    try:
        tokens = [
            (token.name, text[token.start : token.end + 1])
            for token in scan(text)
            if token.name not in ("SQL_COMMENT", "C_COMMENT")
        ]
    except ParseError:
        said.constants.append(text)
        return
    said.commits = said.commits or any(kind == "COMMIT" for kind, _ in tokens)
    for place, (kind, word) in enumerate(tokens):
        behind = tokens[place + 1 : place + 8]
        if kind == "REFRESH" and [each for each, _ in behind[:2]] == ["MATERIALIZED", "VIEW"]:
            named, _ = _dotted(behind[3:] if behind[2:3] and behind[2][0] == "CONCURRENTLY" else behind[2:])
            said.refreshes.append(Named(*named, said.search_path))
        elif kind == "SCONST" and (value := _constant_text(word)) is not None:
            if tokens[place - 1][0] == "EXECUTE" and behind[:1] and behind[0][1] == ";":
                _statements(value, said)
            else:
                said.constants.append(value)
        elif tokens[place - 1][1] != ".":
            named, used = _dotted([(kind, word), *behind])
            if used and tokens[place + used : place + used + 1] == [("ASCII_40", "(")]:
                said.calls.append(Called(*named, said.search_path, None))


def _dotted(tokens: list[tuple[str, str]]) -> tuple[tuple[str, str], int]:
    """Schema and name at the beginning of some words, and how many words they are; empty where no name is there."""
    words = [_unquoted(word) for _, word in tokens[:3]]
    if len(words) == 3 and words[0] and words[1] is None and tokens[1][1] == "." and words[2]:
        return (words[0], words[2]), 3
    return (("", words[0]), 1) if words and words[0] else (("", ""), 0)


def _unquoted(word: str) -> str | None:
    if word.startswith('"'):
        return word[1:-1].replace('""', '"')
    return word.lower() if re.fullmatch(r"[^\W\d][\w$]*", word) else None


def _nodes(tree: object) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(tree, list):
        for each in tree:
            yield from _nodes(each)
    elif isinstance(tree, dict):
        for kind, content in tree.items():
            if isinstance(content, dict):
                yield kind, content
            yield from _nodes(content)
