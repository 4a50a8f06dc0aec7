"""The classes of the nodes that our code names, with the fields of PostgreSQL's structs; tests/core/grammar compares them with the schema.

A node of any other kind has a class as well, made from the schema when it is first met: `nodes.class_of`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, TypeAlias

from pg_deploy.grammar import enums, nodes

Node: TypeAlias = nodes.Node


class A_ArrayExpr(Node):
    elements: tuple[Node, ...] | None
    list_start: int
    list_end: int
    location: int


class A_Const(Node):
    val: Node | None
    isnull: bool
    location: int


class A_Expr(Node):
    kind: enums.A_Expr_Kind
    name: tuple[Node, ...] | None
    lexpr: Node | None
    rexpr: Node | None
    rexpr_list_start: int
    rexpr_list_end: int
    location: int


class A_Indirection(Node):
    arg: Node | None
    indirection: tuple[Node, ...] | None


class A_Star(Node):
    pass


class Alias(Node):
    aliasname: str | None
    colnames: tuple[Node, ...] | None


class BitString(Node):
    bsval: str | None


class BoolExpr(Node):
    xpr: Node | None
    boolop: enums.BoolExprType
    args: tuple[Node, ...] | None
    location: int


class Boolean(Node):
    boolval: bool


class CallStmt(Node):
    funccall: FuncCall | None
    funcexpr: Node | None
    outargs: tuple[Node, ...] | None


class CaseExpr(Node):
    xpr: Node | None
    casetype: int
    casecollid: int
    arg: Node | None
    args: tuple[Node, ...] | None
    defresult: Node | None
    location: int


class CaseWhen(Node):
    xpr: Node | None
    expr: Node | None
    result: Node | None
    location: int


class ColumnRef(Node):
    fields: tuple[Node, ...] | None
    location: int


class CommonTableExpr(Node):
    ctename: str | None
    aliascolnames: tuple[Node, ...] | None
    ctematerialized: IntEnum
    ctequery: Node | None
    search_clause: Node | None
    cycle_clause: Node | None
    location: int
    cterecursive: bool
    cterefcount: int
    ctecolnames: tuple[Node, ...] | None
    ctecoltypes: tuple[Node, ...] | None
    ctecoltypmods: tuple[Node, ...] | None
    ctecolcollations: tuple[Node, ...] | None


class DeleteStmt(Node):
    relation: RangeVar | None
    usingClause: tuple[Node, ...] | None
    whereClause: Node | None
    returningClause: Node | None
    withClause: WithClause | None


class DoStmt(Node):
    args: tuple[Node, ...] | None


class DropStmt(Node):
    objects: tuple[Node, ...] | None
    removeType: enums.ObjectType
    behavior: IntEnum
    missing_ok: bool
    concurrent: bool


class Float(Node):
    fval: str | None


class FuncCall(Node):
    funcname: tuple[Node, ...] | None
    args: tuple[Node, ...] | None
    agg_order: tuple[Node, ...] | None
    agg_filter: Node | None
    over: WindowDef | None
    agg_within_group: bool
    agg_star: bool
    agg_distinct: bool
    func_variadic: bool
    funcformat: IntEnum
    location: int


class IndexStmt(Node):
    idxname: str | None
    relation: RangeVar | None
    accessMethod: str | None
    tableSpace: str | None
    indexParams: tuple[Node, ...] | None
    indexIncludingParams: tuple[Node, ...] | None
    options: tuple[Node, ...] | None
    whereClause: Node | None
    excludeOpNames: tuple[Node, ...] | None
    idxcomment: str | None
    indexOid: int
    oldNumber: int
    oldCreateSubid: int
    oldFirstRelfilelocatorSubid: int
    unique: bool
    nulls_not_distinct: bool
    primary: bool
    isconstraint: bool
    iswithoutoverlaps: bool
    deferrable: bool
    initdeferred: bool
    transformed: bool
    concurrent: bool
    if_not_exists: bool
    reset_default_tblspc: bool


class InsertStmt(Node):
    relation: RangeVar | None
    cols: tuple[ResTarget, ...] | None
    selectStmt: Node | None
    onConflictClause: OnConflictClause | None
    returningClause: Node | None
    withClause: WithClause | None
    override: IntEnum


class Integer(Node):
    ival: int


class JoinExpr(Node):
    jointype: enums.JoinType
    isNatural: bool
    larg: Node | None
    rarg: Node | None
    usingClause: tuple[Node, ...] | None
    join_using_alias: Alias | None
    quals: Node | None
    alias: Alias | None
    rtindex: int


class MinMaxExpr(Node):
    xpr: Node | None
    minmaxtype: int
    minmaxcollid: int
    inputcollid: int
    op: IntEnum
    args: tuple[Node, ...] | None
    location: int


class MultiAssignRef(Node):
    source: Node | None
    colno: int
    ncolumns: int


class NamedArgExpr(Node):
    xpr: Node | None
    arg: Node | None
    name: str | None
    argnumber: int
    location: int


class NullTest(Node):
    xpr: Node | None
    arg: Node | None
    nulltesttype: enums.NullTestType
    argisrow: bool
    location: int


class OnConflictClause(Node):
    action: IntEnum
    infer: Node | None
    targetList: tuple[ResTarget, ...] | None
    whereClause: Node | None
    location: int


class ParamRef(Node):
    number: int
    location: int


class ParseResult(Node):
    version: int
    stmts: tuple[RawStmt, ...] | None


class RangeFunction(Node):
    lateral: bool
    ordinality: bool
    is_rowsfrom: bool
    functions: tuple[tuple[Any, ...], ...] | None
    alias: Alias | None
    coldeflist: tuple[Node, ...] | None


class RangeSubselect(Node):
    lateral: bool
    subquery: Node | None
    alias: Alias | None


class RangeTableSample(Node):
    relation: Node | None
    method: tuple[Node, ...] | None
    args: tuple[Node, ...] | None
    repeatable: Node | None
    location: int


class RangeVar(Node):
    catalogname: str | None
    schemaname: str | None
    relname: str | None
    inh: bool
    relpersistence: str | None
    alias: Alias | None
    location: int


class RawStmt(Node):
    stmt: Node | None
    stmt_location: int
    stmt_len: int


class RefreshMatViewStmt(Node):
    concurrent: bool
    skipData: bool
    relation: RangeVar | None


class ResTarget(Node):
    name: str | None
    indirection: tuple[Node, ...] | None
    val: Node | None
    location: int


class RowExpr(Node):
    xpr: Node | None
    args: tuple[Node, ...] | None
    row_typeid: int
    row_format: IntEnum
    colnames: tuple[Node, ...] | None
    location: int


class SQLValueFunction(Node):
    xpr: Node | None
    op: IntEnum
    type: int
    typmod: int
    location: int


class SelectStmt(Node):
    distinctClause: tuple[Node, ...] | None
    intoClause: Node | None
    targetList: tuple[ResTarget, ...] | None
    fromClause: tuple[Node, ...] | None
    whereClause: Node | None
    groupClause: tuple[Node, ...] | None
    groupDistinct: bool
    havingClause: Node | None
    windowClause: tuple[Node, ...] | None
    valuesLists: tuple[Node, ...] | None
    sortClause: tuple[Node, ...] | None
    limitOffset: Node | None
    limitCount: Node | None
    limitOption: enums.LimitOption
    lockingClause: tuple[Node, ...] | None
    withClause: WithClause | None
    op: enums.SetOperation
    all: bool
    larg: SelectStmt | None
    rarg: SelectStmt | None


class SortBy(Node):
    node: Node | None
    sortby_dir: IntEnum
    sortby_nulls: IntEnum
    useOp: tuple[Node, ...] | None
    location: int


class String(Node):
    sval: str | None


class SubLink(Node):
    xpr: Node | None
    subLinkType: enums.SubLinkType
    subLinkId: int
    testexpr: Node | None
    operName: tuple[Node, ...] | None
    subselect: Node | None
    location: int


class TypeCast(Node):
    arg: Node | None
    typeName: TypeName | None
    location: int


class TypeName(Node):
    names: tuple[Node, ...] | None
    typeOid: int
    setof: bool
    pct_type: bool
    typmods: tuple[Node, ...] | None
    typemod: int
    arrayBounds: tuple[Node, ...] | None
    location: int


class UpdateStmt(Node):
    relation: RangeVar | None
    targetList: tuple[ResTarget, ...] | None
    whereClause: Node | None
    fromClause: tuple[Node, ...] | None
    returningClause: Node | None
    withClause: WithClause | None


class VacuumStmt(Node):
    options: tuple[Node, ...] | None
    rels: tuple[Node, ...] | None
    is_vacuumcmd: bool


class WindowDef(Node):
    name: str | None
    refname: str | None
    partitionClause: tuple[Node, ...] | None
    orderClause: tuple[Node, ...] | None
    frameOptions: int
    startOffset: Node | None
    endOffset: Node | None
    location: int


class WithClause(Node):
    ctes: tuple[Node, ...] | None
    recursive: bool
    location: int
