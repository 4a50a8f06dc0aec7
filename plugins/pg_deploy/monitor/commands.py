"""What the text of a command does: which views it refreshes, what it reads and calls, and which SQL it builds at run time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pg_deploy.grammar.errors import ParseError
from pg_deploy.grammar.parser import loaded, parse_plpgsql_json, parse_sql_json, scan
from pg_deploy.postgres.quoting import identifier, literal

_REFRESH = re.compile(r"refresh\s+materialized\s+view", re.IGNORECASE)
_ATOMIC = re.compile(r"\s*begin\s+atomic\b(.*)\bend\s*;?\s*", re.IGNORECASE | re.DOTALL)
# Begins the dollar quotes in which a body is parsed.
_QUOTE = "do_body"
_LIST = re.compile(r'"((?:[^"]|"")*)"|([^\s,]+)')


@dataclass(frozen=True)
class WrittenName:
    """A name as it is written, and the search_path that was set before it (`path`), if any. `schema` is empty if the name has none."""

    schema: str
    name: str
    path: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Call(WrittenName):
    """A call of a routine. `given` is the number of its arguments, or None if they were not counted."""

    given: int | None = None


@dataclass
class SqlContents:
    """What some SQL does, in the order of its text.

    `relations` are the schema and name of each relation in it. `constants` are its string literals. `commits` says that it commits in
    between. `search_path` is the one that was set last.
    """

    refreshes: list[WrittenName] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    relations: list[tuple[str, str]] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    search_path: tuple[str, ...] | None = None
    commits: bool = False

    @property
    def builds_a_refresh(self) -> bool:
        """Whether it puts a refresh together at run time, so that only its run knows which view that refreshes."""
        return any(_REFRESH.search(text) for text in self.constants)


def read_command(text: str) -> SqlContents:
    """What some SQL does, statement by statement, with the bodies of its DO blocks. Pure. Never raises."""
    contents = SqlContents()
    _read_statements(text, contents)
    return contents


def read_body(language: str, text: str, definition: str = "") -> SqlContents:
    """What the body of a routine does. `definition` is its whole CREATE statement, if that is known. Pure. Never raises.

    A body in a language other than SQL and PL/pgSQL is taken as one string literal.
    """
    contents = SqlContents()
    if language == "plpgsql":
        _read_plpgsql_body(text, contents, definition)
    elif language == "sql":
        atomic = _ATOMIC.fullmatch(text)
        _read_statements(atomic[1] if atomic else text, contents)
    else:
        contents.constants.append(text)
    return contents


def split_path(value: str) -> tuple[str, ...]:
    """The schemas that a search_path names. Pure."""
    parts = [quoted.replace('""', '"') if quoted else word.lower() for quoted, word in _LIST.findall(value)]
    return tuple(part for part in parts if part)


def _read_statements(text: str, contents: SqlContents) -> None:
    try:
        trees = loaded(parse_sql_json(text)).get("stmts", ())
    except ParseError:
        _scan(text, contents)
        return
    for tree in trees:
        _read_tree(tree, contents)


def _read_tree(tree: object, contents: SqlContents) -> None:
    for kind, node in _nodes(tree):
        if kind == "RefreshMatViewStmt":
            named = node.get("relation", {})
            contents.refreshes.append(
                WrittenName(named.get("schemaname", ""), named.get("relname", ""), contents.search_path)
            )
        elif kind in ("RangeVar", "relation") and "relname" in node:
            contents.relations.append((node.get("schemaname", ""), node["relname"]))
        elif kind in ("FuncCall", "funccall"):
            _read_call(node, contents)
        elif kind == "A_Const" and "sval" in node:
            contents.constants.append(node["sval"].get("sval", ""))
        elif kind == "VariableSetStmt" and node.get("name") == "search_path":
            # Without values the setting goes back to what it was.
            words = [_constant(each) for each in node.get("args", ())]
            contents.search_path = tuple(word for word in words if word) if words else None
        elif kind == "DoStmt":
            options = {each["DefElem"]["defname"]: each["DefElem"]["arg"] for each in node.get("args", ())}
            if options.get("language", {}).get("String", {}).get("sval", "plpgsql") == "plpgsql":
                _read_plpgsql_body(options.get("as", {}).get("String", {}).get("sval", ""), contents)


def _read_call(node: dict[str, Any], contents: SqlContents) -> None:
    names = [each["String"]["sval"] for each in node.get("funcname", ()) if "String" in each]
    given = node.get("args", ())
    if names[-1:] == ["set_config"] and len(given) == 3 and _constant(given[0]) == "search_path":
        value = _constant(given[1])
        contents.search_path = split_path(value) if value is not None else None
    elif names:
        schema = names[-2] if len(names) > 1 else ""
        contents.calls.append(Call(schema, names[-1], contents.search_path, len(given)))


def _read_plpgsql_body(body: str, contents: SqlContents, definition: str = "") -> None:
    quote = next(f"${_QUOTE}{number}$" for number in range(1000) if f"${_QUOTE}{number}$" not in body)
    # The body alone tells neither what RETURN may return nor which parameters there are, so several heads are tried.
    heads = (
        "procedure f()",
        "function f() returns text",
        "function f() returns setof record",
        "function f() returns trigger",
    )
    for tried in (definition, *(f"create {head} language plpgsql as {quote}{body}{quote}" for head in heads)):
        try:
            tree = loaded(parse_plpgsql_json(tried)) if tried else []
        except ParseError:
            continue
        if tree:
            _read_plpgsql(tree, contents)
            return
    # A body that declares a variable of a user's own type cannot be parsed.
    _scan(body, contents)


def _read_plpgsql(tree: object, contents: SqlContents) -> None:
    for each in tree if isinstance(tree, list) else ():
        _read_plpgsql(each, contents)
    for kind, node in tree.items() if isinstance(tree, dict) else ():
        if kind == "PLpgSQL_stmt_commit":
            contents.commits = True
        elif kind in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"):
            text = _constant_of_expression(node.get("query", {}).get("PLpgSQL_expr", {}).get("query", ""))
            if text is not None:
                _read_statements(text, contents)
                _read_plpgsql({name: content for name, content in node.items() if name != "query"}, contents)
                continue
        elif kind == "PLpgSQL_expr":
            _read_expression(node.get("query", ""), contents)
        _read_plpgsql(node, contents)


def _constant_of_expression(expression: str) -> str | None:
    """The text that an expression yields if it is made of constants only, else None."""
    try:
        (tree,) = loaded(parse_sql_json(f"select {expression}")).get("stmts", ())
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


def _read_expression(text: str, contents: SqlContents) -> None:
    for tried in (text, f"select {text}", f"select {text.partition(':=')[2] or text.partition('=')[2]}"):
        try:
            trees = loaded(parse_sql_json(tried)).get("stmts", ())
        except ParseError:
            continue
        _read_tree(trees, contents)
        return
    contents.constants.append(text)


def _scan(text: str, contents: SqlContents) -> None:
    """Read word by word a text that cannot be parsed. Its comments and string literals are no statements."""
    try:
        tokens = [
            (token.name, text[token.start : token.end + 1])
            for token in scan(text)
            if token.name not in ("SQL_COMMENT", "C_COMMENT")
        ]
    except ParseError:
        contents.constants.append(text)
        return
    contents.commits = contents.commits or any(kind == "COMMIT" for kind, _ in tokens)
    for place, (kind, word) in enumerate(tokens):
        following = tokens[place + 1 : place + 8]
        previous_kind, previous_word = tokens[place - 1] if place else ("", "")
        if kind == "REFRESH" and [each for each, _ in following[:2]] == ["MATERIALIZED", "VIEW"]:
            named, _ = _dotted(following[3:] if following[2:3] and following[2][0] == "CONCURRENTLY" else following[2:])
            contents.refreshes.append(WrittenName(*named, contents.search_path))
        elif kind == "SCONST" and (value := _constant_of_expression(word)) is not None:
            if previous_kind == "EXECUTE" and following[:1] and following[0][1] == ";":
                _read_statements(value, contents)
            else:
                contents.constants.append(value)
        elif previous_word != ".":
            named, used = _dotted([(kind, word), *following])
            if used and tokens[place + used : place + used + 1] == [("ASCII_40", "(")]:
                contents.calls.append(Call(*named, contents.search_path, None))


def _dotted(tokens: list[tuple[str, str]]) -> tuple[tuple[str, str], int]:
    """The schema and the name at the beginning of some words, and how many words they take; empty texts and 0 if there is no name."""
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
