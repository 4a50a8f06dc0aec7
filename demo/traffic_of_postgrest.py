"""The statements that PostgREST makes of an API's requests: as anon, as a member, as the service."""

from __future__ import annotations

Sent = tuple[int, str, tuple[str, ...]]

_BODY = "coalesce(json_agg(_postgrest_t), '[]') AS body"
_REST = "nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '')"
_COLUMNS = {
    "organizations": ("id", "name", "slug", "plan"),
    "organization_members": ("organization_id", "user_id", "role", "status"),
    "domains": ("id", "domain", "name", "settings"),
    "conversations": ("id", "session_id", "started_at", "metadata"),
    "messages": ("id", "role", "content", "created_at"),
    "scrape_jobs": ("id", "status", "pages_scraped", "created_at"),
    "scraped_pages": ("id", "url", "title", "status"),
    "website_content": ("id", "url", "content_type", "content_hash"),
    "structured_extractions": ("id", "url", "extract_type", "confidence_score"),
    "chat_telemetry": ("id", "model", "cost_usd", "duration_ms"),
}


def _read(
    table: str, where: str = "", rest: str = "", *, columns: tuple[str, ...] | None = None, count: bool = False
) -> str:
    """`GET /<table>?…`, with `Prefer: count=exact` where it counts."""
    named = columns if columns is not None else _COLUMNS[table]
    chosen = ", ".join(f'"public"."{table}"."{column}"' for column in named) or f'"public"."{table}".*'
    counted = f', pgrst_source_count AS (SELECT 1 FROM "public"."{table}" {where})' if count else ""
    total = "(SELECT pg_catalog.count(*) FROM pgrst_source_count)" if count else "null::bigint"
    return (
        f'WITH pgrst_source AS (SELECT {chosen} FROM "public"."{table}" {where} {rest}){counted}'
        f" SELECT {total} AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, {_BODY}, {_REST} AS response_status,"
        " '' AS response_inserted FROM (SELECT * FROM pgrst_source) _postgrest_t"
    )


def _embedded(table: str, column: str, other: str, key: str) -> str:
    """`GET /<table>?select=…,<other>(…)`: the rows of another table that point at this one."""
    inner = ", ".join(f'"{other}_1"."{each}"' for each in _COLUMNS[other])
    return (
        f'WITH pgrst_source AS (SELECT "public"."{table}"."id", "public"."{table}"."{column}",'
        f' COALESCE("{table}_{other}_1"."{table}_{other}_1", \'[]\') AS "{other}" FROM "public"."{table}"'
        f' LEFT JOIN LATERAL (SELECT json_agg("{table}_{other}_1")::jsonb AS "{table}_{other}_1" FROM (SELECT {inner}'
        f' FROM "public"."{other}" AS "{other}_1" WHERE "{other}_1"."{key}" = "public"."{table}"."id") AS "{table}_{other}_1")'
        f' AS "{table}_{other}_1" ON TRUE WHERE "public"."{table}"."id" = $1 LIMIT $2 OFFSET $3)'
        f" SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, {_BODY}, {_REST} AS response_status,"
        " '' AS response_inserted FROM (SELECT * FROM pgrst_source) _postgrest_t"
    )


def _insert(table: str, columns: dict[str, str], conflict: str = "") -> str:
    """`POST /<table>`, with `Prefer: return=representation`, and `resolution=merge-duplicates` where rows may be there."""
    names = ", ".join(f'"{each}"' for each in columns)
    chosen = ", ".join(f'"pgrst_body"."{each}"' for each in columns)
    typed = ", ".join(f'"{each}" {kind}' for each, kind in columns.items())
    changes = ", ".join(f'"{each}" = EXCLUDED."{each}"' for each in columns)
    merged = f" ON CONFLICT({conflict}) DO UPDATE SET {changes}" if conflict else ""
    return (
        f'WITH pgrst_source AS (INSERT INTO "public"."{table}"({names}) SELECT {chosen} FROM (SELECT $1 AS json_data) pgrst_payload,'
        " LATERAL (SELECT CASE WHEN json_typeof(pgrst_payload.json_data::json) = 'array' THEN pgrst_payload.json_data::json"
        " ELSE json_build_array(pgrst_payload.json_data::json) END AS val) pgrst_uniform_json,"
        f" LATERAL (SELECT {chosen.replace('pgrst_body', '_')} FROM json_to_recordset(pgrst_uniform_json.val) AS _({typed})) pgrst_body"
        f'{merged} RETURNING "public"."{table}".*) SELECT \'\' AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total,'
        f" {_BODY}, {_REST} AS response_status FROM (SELECT * FROM pgrst_source) _postgrest_t"
    )


def _update(table: str, columns: dict[str, str], where: str) -> str:
    """`PATCH /<table>?…`."""
    typed = ", ".join(f'"{each}" {kind}' for each, kind in columns.items())
    changes = ", ".join(f'"{each}" = "pgrst_body"."{each}"' for each in columns)
    return (
        f'WITH pgrst_source AS (UPDATE "public"."{table}" SET {changes} FROM (SELECT * FROM json_to_record($1::json) AS _({typed}))'
        f" pgrst_body WHERE {where} RETURNING 1) SELECT '' AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total,"
        f" '' AS body, {_REST} AS response_status FROM (SELECT * FROM pgrst_source) _postgrest_t"
    )


def _delete(table: str, where: str) -> str:
    """`DELETE /<table>?…`."""
    return (
        f'WITH pgrst_source AS (DELETE FROM "public"."{table}" WHERE {where} RETURNING 1) SELECT \'\' AS total_result_set,'
        f" pg_catalog.count(_postgrest_t) AS page_total, '' AS body, {_REST} AS response_status FROM (SELECT * FROM pgrst_source)"
        " _postgrest_t"
    )


def _call(function: str) -> str:
    """`POST /rpc/<function>` of a function that returns one value."""
    return (
        f"WITH pgrst_source AS (SELECT pgrst_call.pgrst_scalar FROM (SELECT {function} pgrst_scalar) pgrst_call) SELECT null::bigint"
        " AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null')"
        f" AS body, {_REST} AS response_status FROM (SELECT * FROM pgrst_source) _postgrest_t"
    )


def _is(table: str, column: str, operator: str = "=", number: int = 1) -> str:
    return f'"public"."{table}"."{column}" {operator} ${number}'


def _newest(table: str, column: str, number: int = 1) -> str:
    return f'ORDER BY "public"."{table}"."{column}" DESC LIMIT ${number} OFFSET ${number + 1}'


BY_ANON: tuple[Sent, ...] = (
    (6, _read("organizations", rest="LIMIT $1 OFFSET $2", columns=("id", "name")), ("20", "0")),
    (4, _read("domains", f"WHERE {_is('domains', 'domain')}", columns=("id", "settings")), ("<host>",)),
    (2, _call("auth.role()"), ()),
)

BY_MEMBERS: tuple[Sent, ...] = (
    (5, _read("organizations", rest="ORDER BY \"public\".\"organizations\".\"name\" ASC LIMIT $1 OFFSET $2"), ("50", "0")),
    (4, _read("organization_members", f"WHERE {_is('organization_members', 'user_id')}", columns=()), ("<user>",)),
    (5, _read("domains", f"WHERE {_is('domains', 'organization_id')}", "LIMIT $2 OFFSET $3"), ("<organization>", "100", "0")),
    (3, _read("domains", f"WHERE {_is('domains', 'name', 'ilike')}", "LIMIT $2 OFFSET $3", count=True), ("%shop%", "10", "0")),
    (2, _read("conversations", f"WHERE {_is('conversations', 'domain_id')}", _newest("conversations", "started_at", 2)),
     ("<domain>", "25", "0")),
    (1, _read("conversations", f"WHERE {_is('conversations', 'domain_id')}", "LIMIT $2 OFFSET $3", count=True), ("<domain>", "1", "0")),
    (2, _read("conversations", f"WHERE {_is('conversations', 'id')}", columns=()), ("<conversation>",)),
    (1, _read("messages", f"WHERE {_is('messages', 'conversation_id')}", _newest("messages", "created_at", 2)),
     ("<conversation>", "50", "0")),
    (2, _embedded("domains", "domain", "scrape_jobs", "domain_id"), ("<domain>", "1", "0")),
    (2, _read("scrape_jobs", f"WHERE {_is('scrape_jobs', 'domain_id')} AND {_is('scrape_jobs', 'status', '=', 2)}",
              _newest("scrape_jobs", "created_at", 3)), ("<domain>", "completed", "10", "0")),
    (1, _read("scraped_pages", f"WHERE {_is('scraped_pages', 'domain_id')} AND {_is('scraped_pages', 'status', '<>', 2)}",
              "LIMIT $3 OFFSET $4"), ("<domain>", "failed", "25", "0")),
    (1, _read("website_content", f"WHERE {_is('website_content', 'domain_id')} AND {_is('website_content', 'content_type', '= ANY', 2)}"
              .replace("= ANY $2", "= ANY ($2)"), "LIMIT $3 OFFSET $4"), ("<domain>", "{faq,blog}", "10", "0")),
    (1, _read("structured_extractions", f"WHERE {_is('structured_extractions', 'domain_id')}"
              f" AND {_is('structured_extractions', 'confidence_score', '>=', 2)}", "LIMIT $3 OFFSET $4"), ("<domain>", "0.9", "10", "0")),
    (2, _insert("conversations", {"domain_id": "uuid", "session_id": "text", "metadata": "jsonb"}),
     ('[{"domain_id": "<domain>", "session_id": "s-1", "metadata": {}}]',)),
    (1, _update("conversations", {"ended_at": "timestamp with time zone"}, _is("conversations", "id", "=", 2)),
     ('{"ended_at": "2026-01-01T00:00:00Z"}', "<conversation>")),
    (1, _insert("scrape_jobs", {"domain_id": "uuid", "config": "jsonb"}), ('[{"domain_id": "<domain>", "config": {"max_pages": 50}}]',)),
    (3, _call("auth.uid()"), ()),
    (2, _call("auth.jwt()"), ()),
)  # fmt: skip

BY_OWNER: tuple[Sent, ...] = (
    (1, _read("chat_telemetry", f"WHERE {_is('chat_telemetry', 'domain')}", _newest("chat_telemetry", "created_at", 2)),
     ("<host>", "20", "0")),
    (1, _embedded("conversations", "session_id", "messages", "conversation_id"), ("<conversation>", "1", "0")),
    (1, _insert("messages", {"conversation_id": "uuid", "role": "text", "content": "text"}),
     ('[{"conversation_id": "<conversation>", "role": "user", "content": "Hello"}]',)),
    (1, _update("messages", {"metadata": "jsonb"}, _is("messages", "id", "=", 2)), ('{"metadata": {"seen": true}}', "<message>")),
    (1, _delete("messages", _is("messages", "id")), ("<message>",)),
)  # fmt: skip
"""What takes long under the demo's policies, so that one user is enough."""

BY_SERVICE: tuple[Sent, ...] = (
    (8, _insert("chat_telemetry", {"session_id": "text", "domain": "text", "model": "text", "input_tokens": "integer",
                                   "output_tokens": "integer", "cost_usd": "numeric", "duration_ms": "integer"}),
     ('[{"session_id": "s-1", "domain": "d", "model": "m", "input_tokens": 5, "output_tokens": 7, "cost_usd": 0.01, "duration_ms": 9}]',)),
    (6, _insert("domains", {"organization_id": "uuid", "domain": "text", "name": "text"}, '"domain"'),
     ('[{"organization_id": "<organization>", "domain": "new.example.com", "name": "New"}]',)),
    (4, _insert("organization_members", {"organization_id": "uuid", "user_id": "uuid", "role": "text"}, '"organization_id", "user_id"'),
     ('[{"organization_id": "<organization>", "user_id": "<user>", "role": "owner"}]',)),
    (5, _insert("scraped_pages", {"domain_id": "uuid", "url": "text", "status": "text"}),
     ('[{"domain_id": "<domain>", "url": "https://shop.example.com/", "status": "pending"}]',)),
    (5, _update("scraped_pages", {"status": "text", "title": "text"}, _is("scraped_pages", "id", "=", 2)),
     ('{"status": "completed", "title": "Page"}', "<page>")),
    (5, _update("scrape_jobs", {"status": "text", "pages_scraped": "integer"}, _is("scrape_jobs", "id", "=", 2)),
     ('{"status": "running", "pages_scraped": 3}', "<job>")),
    (3, _insert("website_content", {"domain_id": "uuid", "url": "text", "content_type": "text", "content": "text", "content_hash": "text"}),
     ('[{"domain_id": "<domain>", "url": "u", "content_type": "faq", "content": "c", "content_hash": "h"}]',)),
    (3, _insert("structured_extractions", {"domain_id": "uuid", "url": "text", "extract_type": "text", "extracted_data": "jsonb"}),
     ('[{"domain_id": "<domain>", "url": "u", "extract_type": "faq", "extracted_data": {}}]',)),
    (2, _delete("website_content", f"{_is('website_content', 'domain_id')} AND {_is('website_content', 'url', '=', 2)}"),
     ("<domain>", "<url>")),
    (2, _read("organizations", f"WHERE {_is('organizations', 'plan', '<>')}", count=True, columns=()), ("free",)),
    (2, _call("pg_catalog.gen_random_uuid()"), ()),
)  # fmt: skip
