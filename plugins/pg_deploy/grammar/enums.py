"""PostgreSQL's enums that our code names. tests/core/grammar compares them with the schema, which all others follow: `nodes.enum_of`."""

from __future__ import annotations

from enum import IntEnum

from pg_deploy.grammar.nodes import declare


@declare
class A_Expr_Kind(IntEnum):
    AEXPR_OP = 1
    AEXPR_OP_ANY = 2
    AEXPR_OP_ALL = 3
    AEXPR_DISTINCT = 4
    AEXPR_NOT_DISTINCT = 5
    AEXPR_NULLIF = 6
    AEXPR_IN = 7
    AEXPR_LIKE = 8
    AEXPR_ILIKE = 9
    AEXPR_SIMILAR = 10
    AEXPR_BETWEEN = 11
    AEXPR_NOT_BETWEEN = 12
    AEXPR_BETWEEN_SYM = 13
    AEXPR_NOT_BETWEEN_SYM = 14


@declare
class AlterTableType(IntEnum):
    AT_AddColumn = 1
    AT_AddColumnToView = 2
    AT_ColumnDefault = 3
    AT_CookedColumnDefault = 4
    AT_DropNotNull = 5
    AT_SetNotNull = 6
    AT_SetExpression = 7
    AT_DropExpression = 8
    AT_SetStatistics = 9
    AT_SetOptions = 10
    AT_ResetOptions = 11
    AT_SetStorage = 12
    AT_SetCompression = 13
    AT_DropColumn = 14
    AT_AddIndex = 15
    AT_ReAddIndex = 16
    AT_AddConstraint = 17
    AT_ReAddConstraint = 18
    AT_ReAddDomainConstraint = 19
    AT_AlterConstraint = 20
    AT_ValidateConstraint = 21
    AT_AddIndexConstraint = 22
    AT_DropConstraint = 23
    AT_ReAddComment = 24
    AT_AlterColumnType = 25
    AT_AlterColumnGenericOptions = 26
    AT_ChangeOwner = 27
    AT_ClusterOn = 28
    AT_DropCluster = 29
    AT_SetLogged = 30
    AT_SetUnLogged = 31
    AT_DropOids = 32
    AT_SetAccessMethod = 33
    AT_SetTableSpace = 34
    AT_SetRelOptions = 35
    AT_ResetRelOptions = 36
    AT_ReplaceRelOptions = 37
    AT_EnableTrig = 38
    AT_EnableAlwaysTrig = 39
    AT_EnableReplicaTrig = 40
    AT_DisableTrig = 41
    AT_EnableTrigAll = 42
    AT_DisableTrigAll = 43
    AT_EnableTrigUser = 44
    AT_DisableTrigUser = 45
    AT_EnableRule = 46
    AT_EnableAlwaysRule = 47
    AT_EnableReplicaRule = 48
    AT_DisableRule = 49
    AT_AddInherit = 50
    AT_DropInherit = 51
    AT_AddOf = 52
    AT_DropOf = 53
    AT_ReplicaIdentity = 54
    AT_EnableRowSecurity = 55
    AT_DisableRowSecurity = 56
    AT_ForceRowSecurity = 57
    AT_NoForceRowSecurity = 58
    AT_GenericOptions = 59
    AT_AttachPartition = 60
    AT_DetachPartition = 61
    AT_DetachPartitionFinalize = 62
    AT_AddIdentity = 63
    AT_SetIdentity = 64
    AT_DropIdentity = 65
    AT_ReAddStatistics = 66


@declare
class BoolExprType(IntEnum):
    AND_EXPR = 1
    OR_EXPR = 2
    NOT_EXPR = 3


@declare
class ConstrType(IntEnum):
    CONSTR_NULL = 1
    CONSTR_NOTNULL = 2
    CONSTR_DEFAULT = 3
    CONSTR_IDENTITY = 4
    CONSTR_GENERATED = 5
    CONSTR_CHECK = 6
    CONSTR_PRIMARY = 7
    CONSTR_UNIQUE = 8
    CONSTR_EXCLUSION = 9
    CONSTR_FOREIGN = 10
    CONSTR_ATTR_DEFERRABLE = 11
    CONSTR_ATTR_NOT_DEFERRABLE = 12
    CONSTR_ATTR_DEFERRED = 13
    CONSTR_ATTR_IMMEDIATE = 14
    CONSTR_ATTR_ENFORCED = 15
    CONSTR_ATTR_NOT_ENFORCED = 16


@declare
class GrantTargetType(IntEnum):
    ACL_TARGET_OBJECT = 1
    ACL_TARGET_ALL_IN_SCHEMA = 2
    ACL_TARGET_DEFAULTS = 3


@declare
class JoinType(IntEnum):
    JOIN_INNER = 1
    JOIN_LEFT = 2
    JOIN_FULL = 3
    JOIN_RIGHT = 4
    JOIN_SEMI = 5
    JOIN_ANTI = 6
    JOIN_RIGHT_SEMI = 7
    JOIN_RIGHT_ANTI = 8
    JOIN_UNIQUE_OUTER = 9
    JOIN_UNIQUE_INNER = 10


@declare
class LimitOption(IntEnum):
    LIMIT_OPTION_DEFAULT = 1
    LIMIT_OPTION_COUNT = 2
    LIMIT_OPTION_WITH_TIES = 3


@declare
class NullTestType(IntEnum):
    IS_NULL = 1
    IS_NOT_NULL = 2


@declare
class ObjectType(IntEnum):
    OBJECT_ACCESS_METHOD = 1
    OBJECT_AGGREGATE = 2
    OBJECT_AMOP = 3
    OBJECT_AMPROC = 4
    OBJECT_ATTRIBUTE = 5
    OBJECT_CAST = 6
    OBJECT_COLUMN = 7
    OBJECT_COLLATION = 8
    OBJECT_CONVERSION = 9
    OBJECT_DATABASE = 10
    OBJECT_DEFAULT = 11
    OBJECT_DEFACL = 12
    OBJECT_DOMAIN = 13
    OBJECT_DOMCONSTRAINT = 14
    OBJECT_EVENT_TRIGGER = 15
    OBJECT_EXTENSION = 16
    OBJECT_FDW = 17
    OBJECT_FOREIGN_SERVER = 18
    OBJECT_FOREIGN_TABLE = 19
    OBJECT_FUNCTION = 20
    OBJECT_INDEX = 21
    OBJECT_LANGUAGE = 22
    OBJECT_LARGEOBJECT = 23
    OBJECT_MATVIEW = 24
    OBJECT_OPCLASS = 25
    OBJECT_OPERATOR = 26
    OBJECT_OPFAMILY = 27
    OBJECT_PARAMETER_ACL = 28
    OBJECT_POLICY = 29
    OBJECT_PROCEDURE = 30
    OBJECT_PUBLICATION = 31
    OBJECT_PUBLICATION_NAMESPACE = 32
    OBJECT_PUBLICATION_REL = 33
    OBJECT_ROLE = 34
    OBJECT_ROUTINE = 35
    OBJECT_RULE = 36
    OBJECT_SCHEMA = 37
    OBJECT_SEQUENCE = 38
    OBJECT_SUBSCRIPTION = 39
    OBJECT_STATISTIC_EXT = 40
    OBJECT_TABCONSTRAINT = 41
    OBJECT_TABLE = 42
    OBJECT_TABLESPACE = 43
    OBJECT_TRANSFORM = 44
    OBJECT_TRIGGER = 45
    OBJECT_TSCONFIGURATION = 46
    OBJECT_TSDICTIONARY = 47
    OBJECT_TSPARSER = 48
    OBJECT_TSTEMPLATE = 49
    OBJECT_TYPE = 50
    OBJECT_USER_MAPPING = 51
    OBJECT_VIEW = 52


@declare
class RoleSpecType(IntEnum):
    ROLESPEC_CSTRING = 1
    ROLESPEC_CURRENT_ROLE = 2
    ROLESPEC_CURRENT_USER = 3
    ROLESPEC_SESSION_USER = 4
    ROLESPEC_PUBLIC = 5


@declare
class SetOperation(IntEnum):
    SETOP_NONE = 1
    SETOP_UNION = 2
    SETOP_INTERSECT = 3
    SETOP_EXCEPT = 4


@declare
class SubLinkType(IntEnum):
    EXISTS_SUBLINK = 1
    ALL_SUBLINK = 2
    ANY_SUBLINK = 3
    ROWCOMPARE_SUBLINK = 4
    EXPR_SUBLINK = 5
    MULTIEXPR_SUBLINK = 6
    ARRAY_SUBLINK = 7
    CTE_SUBLINK = 8
