"""Reading a predicate symbolically: sub-selects become joins, the policies of what they read are put in, helpers inlined."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pg_deploy.access.predicates.alternatives import ROW, row_tree, whole_tree
from pg_deploy.access.predicates.function_bodies import Function, Functions, Refuse, Session, with_arguments
from pg_deploy.access.predicates.normal_form import ALWAYS, NEVER, SUBJECT, Alternative, column, equal, product
from pg_deploy.access.predicates.predicates import Effective, Policy, applied
from pg_deploy.access.predicates.purity import reads_clock, require_plain
from pg_deploy.access.predicates.reach import Relation
from pg_deploy.grammar import ast, enums
from pg_deploy.grammar.printer import printed
from pg_deploy.parsing.expressions import (
    call_name,
    called,
    calls,
    column_names,
    given,
    nodes,
    only_value,
    operands,
    qualifier,
    query_of,
    replaced,
    requalified,
    with_fields,
    words,
)

DEEPEST = 12
_NO_VALUES = (ast.String, ast.TypeName, ast.A_Indirection, ast.CaseWhen, ast.NamedArgExpr)
"""Parts of an expression that cannot stand alone."""

Query = tuple[Alternative, tuple[ast.Node, ...]]
"""One alternative of a sub-select, and its output columns."""


@dataclass(frozen=True)
class Attribute:
    """A closed expression, evaluated for real for each subject as `role`."""

    number: int
    role: str
    text: str
    reads_clock: bool

    @property
    def name(self) -> str:
        """Its column among the subjects' attributes."""
        return f"a{self.number}"


@dataclass(frozen=True)
class Scope:
    """The relations of one FROM: alias to its columns as expressions."""

    tables: Mapping[str, Mapping[str, ast.Node]]


@dataclass(frozen=True)
class Place:
    """Where in the reading: which session is in force, which relations are in sight, which policies are open."""

    session: Session
    scopes: tuple[Scope, ...] = ()
    open_tables: tuple[int, ...] = ()
    depth: int = 0

    @property
    def role(self) -> str:
        """Whose rights are in force."""
        return self.session.role


@dataclass
class Compiler:
    """The symbolic reading of one side. `relations` (by id and name) and `policies` are all of the database's."""

    functions: Functions
    relations: Mapping[tuple[str, str], Relation]
    policies: Sequence[Policy]
    columns: Mapping[str, Sequence[str]]
    asks_session: Callable[[str], bool]
    attributes: dict[tuple[str, str], Attribute] = field(default_factory=dict)
    used: set[Attribute] = field(default_factory=set)
    aliases: int = 0

    def compile(self, effective: Effective, relation: Relation, session: Session) -> tuple[Alternative, ...]:
        """The alternatives under which a tuple is allowed in a session. Raises Refuse, with the reason."""
        self.used = set()
        if effective.kind == "every row":
            return ALWAYS
        if effective.kind == "denied" or not effective.permissive:
            return NEVER
        return self.condition(whole_tree(effective, relation.name), Place(session, (), (relation.id,)))

    def condition(self, node: ast.Node, place: Place) -> tuple[Alternative, ...]:
        """The alternatives of a boolean expression at a positive place."""
        if place.depth > DEEPEST:
            raise Refuse("helpers call each other too deeply")
        if all_of := operands(node, enums.BoolExprType.AND_EXPR):
            return product(self.condition(part, place) for part in all_of)
        if any_of := operands(node, enums.BoolExprType.OR_EXPR):
            return tuple(found for part in any_of for found in self.condition(part, place))
        if isinstance(node, ast.A_Const) and isinstance(node.val, ast.Boolean):
            return ALWAYS if node.val.boolval else NEVER
        if isinstance(node, ast.SubLink):
            return self._sub_select(node, place)
        if isinstance(node, ast.A_Expr) and node.kind == enums.A_Expr_Kind.AEXPR_OP_ANY and words(node.name) == ("=",):
            inner = node.rexpr
            if isinstance(inner, ast.SubLink) and inner.subLinkType == enums.SubLinkType.ARRAY_SUBLINK:
                return self._member(given(node.lexpr), inner, node, place)
        if isinstance(node, ast.FuncCall) and (function := self._helper(node)) is not None:
            if not self._is_closed(node):
                return self._inlined(function, node, place)
            try:
                return self._inlined(function, node, place)
            except Refuse:
                pass
        return (Alternative((), (self.value(node, place),)),)

    def value(self, node: ast.Node, place: Place) -> ast.Node:
        """A scalar expression with its columns resolved and its closed parts made attributes of the subject."""
        changed = self._closed(node, place)
        changed = replaced(changed, lambda part: self._resolved(part, place))
        require_plain(changed)
        return changed

    def _closed(self, node: ast.Node, place: Place) -> ast.Node:
        if (value := _value_of(node)) is not None:
            return self._closed(value, place)
        if self._is_closed(node):
            needs = any(isinstance(part, (ast.FuncCall, ast.SubLink, ast.SQLValueFunction)) for part in nodes(node))
            return self._attribute(node, place.role) if needs else node
        if isinstance(node, ast.SubLink):
            raise Refuse("a sub-select that depends on the row stands where only a value is understood")
        fresh = copy.copy(node)
        for name in node:
            inner = getattr(node, name)
            if isinstance(inner, ast.Node) and not isinstance(inner, ast.TypeName):
                setattr(fresh, name, self._closed(inner, place))
            elif isinstance(inner, tuple):
                setattr(
                    fresh,
                    name,
                    tuple(self._closed(part, place) if _is_value(part) else part for part in inner),
                )
        return fresh

    def _attribute(self, node: ast.Node, role: str) -> ast.Node:
        text = printed(node)
        for call in calls(node):
            function = self.functions.called(*call_name(call), len(call.args or ()))
            if function is not None:
                self._require_execute(function, role)
        key = (role, text)
        if key not in self.attributes:
            # It is evaluated outside of the body that it stands in, as another role and with another search_path.
            if self.asks_session(text):
                raise Refuse("it asks for the session's role, search_path or a setting of the server")
            clock = reads_clock(node, text, self.functions)
            self.attributes[key] = Attribute(len(self.attributes), role, text, clock)
        self.used.add(self.attributes[key])
        return column(SUBJECT, self.attributes[key].name)

    def _is_closed(self, node: ast.Node) -> bool:
        """Without any column from outside: sub-selects of its own are allowed, and then evaluated for real."""
        return not any(isinstance(part, (ast.ColumnRef, ast.ParamRef)) for part in nodes(node)) or (
            isinstance(node, ast.SubLink) and self._own_columns_only(node)
        )

    def _own_columns_only(self, node: ast.SubLink) -> bool:
        inside = {called(part) for part in nodes(node.subselect) if isinstance(part, ast.RangeVar)}
        return bool(inside) and all(
            len(part.fields or ()) == 2 and qualifier(part) in inside
            for part in nodes(node)
            if isinstance(part, ast.ColumnRef)
        )

    def _resolved(self, node: ast.Node, place: Place) -> ast.Node:
        if not isinstance(node, ast.ColumnRef):
            return node
        names = column_names(node)
        if not names:
            raise Refuse("a whole row is used as a value")
        if len(names) == 2 and (names[0] in (ROW, SUBJECT) or names[0].startswith("k_")):
            return node
        for scope in reversed(place.scopes):
            if len(names) == 1:
                hits = [cols[names[0]] for cols in scope.tables.values() if names[0] in cols]
                if len(hits) == 1:
                    return hits[0]
            elif len(names) == 2 and names[0] in scope.tables and names[1] in scope.tables[names[0]]:
                return scope.tables[names[0]][names[1]]
        raise Refuse(f'column "{".".join(names)}" is not understood')

    def _sub_select(self, node: ast.SubLink, place: Place) -> tuple[Alternative, ...]:
        kind = node.subLinkType
        if kind == enums.SubLinkType.EXISTS_SUBLINK:
            return tuple(found for found, _ in self.query(query_of(node), place, for_exists=True))
        if kind == enums.SubLinkType.ANY_SUBLINK and (not node.operName or words(node.operName) == ("=",)):
            return self._member(given(node.testexpr), node, node, place)
        if (value := _value_of(node)) is not None:
            return self.condition(value, place)
        return (Alternative((), (self.value(node, place),)),)

    def _member(self, left: ast.Node, inner: ast.SubLink, whole: ast.Node, place: Place) -> tuple[Alternative, ...]:
        if isinstance(left, ast.RowExpr):
            raise Refuse("a row is compared with a sub-select")
        try:
            value = self.value(left, place)
            found = []
            for alternative, outputs in self.query(query_of(inner), place):
                if len(outputs) != 1:
                    raise Refuse("a sub-select has several columns")
                found.append(Alternative(alternative.tables, (*alternative.conditions, equal(value, outputs[0]))))
            return tuple(found)
        except Refuse:
            if not self._is_closed(inner) or inner.subLinkType != enums.SubLinkType.ARRAY_SUBLINK:
                raise
            return (Alternative((), (self.value(whole, place),)),)

    def query(self, select: ast.SelectStmt, place: Place, *, for_exists: bool = False) -> list[Query]:
        """The alternatives of a sub-select with their output columns."""
        refused = (
            "groupClause",
            "havingClause",
            "withClause",
            "valuesLists",
            "windowClause",
            "limitOffset",
            "lockingClause",
        )
        first_only = for_exists and select.op == enums.SetOperation.SETOP_NONE and _is_positive(select.limitCount)
        for part in refused if first_only else (*refused, "limitCount"):
            if getattr(select, part):
                raise Refuse(f"a sub-select has a {part.removesuffix('Clause').removesuffix('s')}")
        if not for_exists and any(isinstance(each, ast.Node) for each in select.distinctClause or ()):
            raise Refuse("a sub-select answers with the first of several rows")
        if select.op == enums.SetOperation.SETOP_UNION:
            return self.query(given(select.larg), place) + self.query(given(select.rarg), place)
        if select.op != enums.SetOperation.SETOP_NONE:
            raise Refuse("a sub-select is a set operation")
        found: list[tuple[Alternative, dict[str, Mapping[str, ast.Node]], list[ast.Node]]] = [(Alternative(), {}, [])]
        for item in select.fromClause or ():
            found = [self._joined(one, other) for one in found for other in self._source(item, place)]
        results: list[Query] = []
        for alternative, tables, conditions in found:
            inside = Place(place.session, (*place.scopes, Scope(tables)), place.open_tables, place.depth)
            wheres = [*conditions, *([select.whereClause] if select.whereClause else [])]
            for chosen in product([(alternative,), *(self.condition(where, inside) for where in wheres)]):
                for more, outputs in self._outputs(select, inside, for_exists):
                    results.append((chosen.and_(more), outputs))
        return results

    def _joined(
        self,
        one: tuple[Alternative, dict[str, Mapping[str, ast.Node]], list[ast.Node]],
        other: tuple[Alternative, dict[str, Mapping[str, ast.Node]], list[ast.Node]],
    ) -> tuple[Alternative, dict[str, Mapping[str, ast.Node]], list[ast.Node]]:
        return one[0].and_(other[0]), {**one[1], **other[1]}, [*one[2], *other[2]]

    def _source(
        self, item: ast.Node, place: Place
    ) -> list[tuple[Alternative, dict[str, Mapping[str, ast.Node]], list[ast.Node]]]:
        if isinstance(item, ast.RangeVar):
            if item.alias and item.alias.colnames:
                raise Refuse("a table's columns are renamed")
            return [
                (alternative, {called(item): columns}, [])
                for alternative, columns in self._table(item.schemaname, given(item.relname), place)
            ]
        if isinstance(item, ast.JoinExpr):
            if item.jointype != enums.JoinType.JOIN_INNER or item.usingClause or item.isNatural or item.alias:
                raise Refuse("a join is not a plain inner one")
            left, right = self._source(given(item.larg), place), self._source(given(item.rarg), place)
            pairs = [self._joined(one, other) for one in left for other in right]
            return [(one[0], one[1], [*one[2], *([item.quals] if item.quals else [])]) for one in pairs]
        if isinstance(item, ast.RangeSubselect) and item.alias and not item.lateral:
            query, alias = query_of(item), given(item.alias.aliasname)
            names = self._names(query, item.alias)
            return [
                (alternative, {alias: dict(zip(names, outputs, strict=True))}, [])
                for alternative, outputs in self.query(query, place)
            ]
        if isinstance(item, ast.RangeFunction) and not item.ordinality and len(functions := item.functions or ()) == 1:
            call = functions[0][0]
            function = self._helper(call)
            if function is not None and function.returns_set and not function.returns_rows:
                name = given(item.alias.aliasname) if item.alias else function.name
                label = words(item.alias.colnames)[0] if item.alias and item.alias.colnames else name
                return [
                    (alternative, {name: {label: outputs[0]}}, [])
                    for alternative, outputs in self._rows_of(function, call, place)
                ]
        raise Refuse(f"{type(item).__name__} in FROM is not understood")

    def _names(self, select: ast.SelectStmt, alias: ast.Alias) -> Sequence[str]:
        if alias.colnames:
            return words(alias.colnames)
        names = [target.name or "".join(column_names(target.val)[-1:]) for target in select.targetList or ()]
        if not all(names):
            raise Refuse("a sub-select's column has no name")
        return names

    def _outputs(self, select: ast.SelectStmt, place: Place, for_exists: bool) -> list[Query]:
        targets = [target.val for target in select.targetList or ()]
        if len(targets) == 1 and isinstance(targets[0], ast.FuncCall):
            function = self._helper(targets[0])
            if function is not None and function.returns_set:
                return self._rows_of(function, targets[0], place)
        if for_exists:
            for target in targets:
                if any(isinstance(part, (ast.FuncCall, ast.SubLink)) for part in nodes(target)):
                    raise Refuse("the columns of an EXISTS call functions")
            return [(Alternative(), ())]
        return [(Alternative(), tuple(self.value(given(target), place) for target in targets))]

    def _table(self, schema: str | None, name: str, place: Place) -> list[tuple[Alternative, Mapping[str, ast.Node]]]:
        relation = self.relations.get((schema or "", name))
        if relation is None or relation.kind != "r" or not relation.plain:
            raise Refuse(f'"{schema}.{name}" is no plain table')
        rights = relation.rights.get(place.role)
        if rights is None or not (rights["select"] or rights["free"]):
            raise Refuse(f'role "{place.role}" may not read "{relation.full_name}"')
        self.aliases += 1
        alias = f"k_{self.aliases}"
        columns = {part: column(alias, part) for part in self.columns[relation.full_name]}
        base = Alternative(((alias, relation.quoted),))
        if not relation.secured or rights["free"] or (rights["owns"] and not relation.forced):
            return [(base, columns)]
        if relation.id in place.open_tables:
            raise Refuse(f'the policies of "{relation.full_name}" read the table itself')
        found = applied(relation, self.policies, "select", place.role)
        inside = Place(place.session, (), (*place.open_tables, relation.id), place.depth + 1)
        if not found.permissive:
            return []
        parts: list[tuple[Alternative, ...]] = [(base,)]
        allowed = [
            alternative
            for clause in found.permissive
            for alternative in self.condition(_of_alias(row_tree(clause, relation.name), alias), inside)
        ]
        parts.append(tuple(allowed))
        parts += [self.condition(_of_alias(row_tree(c, relation.name), alias), inside) for c in found.restrictive]
        return [(alternative, columns) for alternative in product(parts)]

    def _helper(self, node: ast.Node) -> Function | None:
        if not isinstance(node, ast.FuncCall):
            return None
        return self.functions.called(*call_name(node), len(node.args or ()))

    def _body(self, function: Function, call: ast.FuncCall, place: Place) -> tuple[ast.SelectStmt, Place]:
        if function.volatility == "v":
            raise Refuse(f'function "{function.full_name}" is volatile')
        self._require_execute(function, place.role)
        arguments = tuple(self._argument(argument, place) for argument in call.args or ())
        body = with_arguments(self.functions.body(function, place.session), function, arguments)
        inside = place.session.inside(function)
        return body, Place(inside, (), place.open_tables if not function.definer else (), place.depth + 1)

    def _argument(self, argument: ast.Node, place: Place) -> ast.Node:
        if isinstance(argument, ast.NamedArgExpr):
            return with_fields(argument, arg=self.value(given(argument.arg), place))
        return self.value(argument, place)

    def _rows_of(self, function: Function, call: ast.FuncCall, place: Place) -> list[Query]:
        body, inside = self._body(function, call, place)
        if place.depth > DEEPEST:
            raise Refuse("helpers call each other too deeply")
        return self.query(body, inside)

    def _inlined(self, function: Function, call: ast.FuncCall, place: Place) -> tuple[Alternative, ...]:
        if not function.returns_boolean:
            raise Refuse(f'function "{function.full_name}" is called for each row')
        body, inside = self._body(function, call, place)
        if (value := only_value(with_fields(body, whereClause=None))) is not None:
            # If a condition is not true, the answer is null, and neither null nor false lets a row through.
            return product([self.condition(part, inside) for part in (body.whereClause, value) if part is not None])
        raise Refuse(f'function "{function.full_name}" answers with the first of several rows')

    def _require_execute(self, function: Function, role: str) -> None:
        if not self.functions.may_execute(role, function.id):
            raise Refuse(f'role "{role}" may not execute "{function.full_name}"')


def _is_positive(limit: ast.Node | None) -> bool:
    """Whether a LIMIT lets a first row through, if it says for sure."""
    return isinstance(limit, ast.A_Const) and isinstance(limit.val, ast.Integer) and (limit.val.ival or 0) > 0


def _is_value(part: object) -> bool:
    return isinstance(part, ast.Node) and not isinstance(part, _NO_VALUES)


def _value_of(node: ast.Node) -> ast.Node | None:
    """The one expression of `(select expression)`."""
    if not isinstance(node, ast.SubLink) or node.subLinkType != enums.SubLinkType.EXPR_SUBLINK:
        return None
    return only_value(node.subselect)


def _of_alias(tree: ast.Node, alias: str) -> ast.Node:
    return replaced(tree, lambda node: requalified(node, ROW, alias))
