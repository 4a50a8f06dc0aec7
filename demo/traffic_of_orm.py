"""The statements of two services with an ORM each: a dashboard with SQLAlchemy, a back office with Django."""

from __future__ import annotations

Sent = tuple[int, str, tuple[str, ...]]


def _alchemy(table: str, *columns: str) -> str:
    """What SQLAlchemy selects of an entity."""
    return f"SELECT {', '.join(f'{table}.{column} AS {table}_{column}' for column in columns)} FROM {table}"


def _django(table: str, *columns: str) -> str:
    """What Django selects of a model."""
    return f'SELECT {", ".join(_named(table, *columns))} FROM "{table}"'


def _named(table: str, *columns: str) -> list[str]:
    return [f'"{table}"."{column}"' for column in columns]


_DOMAIN = ("id", "organization_id", "domain", "name", "settings", "created_at")
_JOB = ("id", "domain_id", "status", "config", "pages_scraped", "error", "created_at", "completed_at")
_MEMBER = ("organization_id", "user_id", "role", "status", "created_at")

BY_SQLALCHEMY: tuple[Sent, ...] = (
    (9, f"{_alchemy('domains', *_DOMAIN)} WHERE domains.id = $1::UUID", ("<domain>",)),
    (6, f"{_alchemy('domains', *_DOMAIN)} WHERE domains.domain IN ($1, $2, $3)", ("<host>", "shop-00002.example.com", "x")),
    (4, f"{_alchemy('organizations', 'id', 'name', 'slug', 'plan')} WHERE organizations.slug = $1 LIMIT $2", ("organization-1", "1")),
    (3, "SELECT anon_1.domains_id AS anon_1_domains_id, anon_1.domains_name AS anon_1_domains_name, organizations_1.id AS"
        " organizations_1_id, organizations_1.plan AS organizations_1_plan FROM (SELECT domains.id AS domains_id, domains.name AS"
        " domains_name, domains.organization_id AS domains_organization_id FROM domains ORDER BY domains.created_at DESC LIMIT $1"
        " OFFSET $2) AS anon_1 LEFT OUTER JOIN organizations AS organizations_1 ON organizations_1.id ="
        " anon_1.domains_organization_id", ("20", "0")),
    (5, "SELECT conversations.id, conversations.session_id, conversations.last_message_at FROM conversations JOIN domains ON"
        " domains.id = conversations.domain_id WHERE domains.domain = $1 AND conversations.ended_at IS NULL ORDER BY"
        " conversations.last_message_at DESC LIMIT $2", ("<host>", "25")),
    (4, "SELECT count(*) AS count_1 FROM (SELECT messages.id AS messages_id FROM messages WHERE messages.conversation_id ="
        " $1::UUID) AS anon_1", ("<conversation>",)),
    (1, "SELECT date_trunc($1, chat_telemetry.created_at) AS day, count(chat_telemetry.id) AS requests, sum(chat_telemetry.cost_usd)"
        " AS cost FROM chat_telemetry WHERE chat_telemetry.domain = $2 AND chat_telemetry.created_at >= $3 GROUP BY 1 ORDER BY 1",
     ("day", "<host>", "<week_ago>")),
    (1, "SELECT chat_telemetry.model, avg(chat_telemetry.duration_ms) AS avg_1, percentile_cont(0.95) WITHIN GROUP (ORDER BY"
        " chat_telemetry.duration_ms) AS p95 FROM chat_telemetry WHERE chat_telemetry.created_at >= now() - interval '1 day' AND"
        " chat_telemetry.success IS true GROUP BY chat_telemetry.model HAVING count(chat_telemetry.id) > $1", ("1",)),
    (1, "SELECT extract(hour FROM chat_telemetry.created_at) AS hour, count(*) FILTER (WHERE NOT chat_telemetry.success) AS failed FROM"
        " chat_telemetry WHERE chat_telemetry.domain = $1 AND chat_telemetry.created_at > now() - interval '7 days' GROUP BY 1"
        " ORDER BY 1", ("<host>",)),
    (6, "INSERT INTO chat_telemetry (session_id, domain, model, input_tokens, output_tokens, cost_usd, duration_ms, success, metadata)"
        " VALUES ($1, $2, $3, $4::INTEGER, $5::INTEGER, $6, $7::INTEGER, $8, $9::JSONB) RETURNING chat_telemetry.id,"
        " chat_telemetry.created_at", ("s-1", "<host>", "gpt-4o", "10", "20", "0.01", "300", "true", "{}")),
    (4, "INSERT INTO messages (conversation_id, role, content) VALUES ($1::UUID, $2::VARCHAR, $3::VARCHAR), ($4::UUID, $5::VARCHAR,"
        " $6::VARCHAR) RETURNING messages.id", ("<conversation>", "user", "Hello", "<conversation>", "assistant", "Good day")),
    (5, "UPDATE conversations SET last_message_at=now() WHERE conversations.id = $1::UUID", ("<conversation>",)),
    (3, "UPDATE domains SET settings=(domains.settings || $1::JSONB) WHERE domains.id = $2::UUID RETURNING domains.settings",
     ('{"language": "de"}', "<domain>")),
    (2, "DELETE FROM scraped_pages WHERE scraped_pages.domain_id = $1::UUID AND scraped_pages.created_at < now() - interval '89 days'",
     ("<domain>",)),
    (2, "WITH ranked AS (SELECT website_content.id AS id, website_content.url AS url, row_number() OVER (PARTITION BY"
        " website_content.content_type ORDER BY website_content.created_at DESC) AS place FROM website_content WHERE"
        " website_content.domain_id = $1::UUID) SELECT ranked.url FROM ranked WHERE ranked.place <= $2", ("<domain>", "3")),
    (2, "SELECT structured_extractions.extracted_data ->> $1 AS name, CAST(structured_extractions.extracted_data ->> $2 AS NUMERIC) AS"
        " price FROM structured_extractions WHERE structured_extractions.domain_id = $3::UUID AND"
        " structured_extractions.extracted_data @> $4::JSONB LIMIT $5", ("name", "price", "<domain>", '{"in_stock": true}', "10")),
    (3, "SELECT EXISTS (SELECT 1 FROM organization_members WHERE organization_members.user_id = $1::UUID AND"
        " organization_members.organization_id = $2::UUID AND organization_members.status = $3) AS anon_1",
     ("<user>", "<organization>", "active")),
    (3, "SELECT scrape_jobs.id FROM scrape_jobs WHERE scrape_jobs.status = $1 ORDER BY scrape_jobs.created_at LIMIT $2 FOR UPDATE SKIP"
        " LOCKED", ("pending", "1")),
    (2, "INSERT INTO domains (organization_id, domain, name) VALUES ($1::UUID, $2, $3) ON CONFLICT (domain) DO NOTHING RETURNING"
        " domains.id", ("<organization>", "<host>", "Shop")),
    (1, "SELECT messages.role, count(*) AS many FROM messages JOIN conversations ON conversations.id = messages.conversation_id WHERE"
        " conversations.domain_id = $1::UUID GROUP BY messages.role", ("<domain>",)),
)  # fmt: skip

BY_DJANGO: tuple[Sent, ...] = (
    (7, f'{_django("organization_members", *_MEMBER)} WHERE "organization_members"."user_id" = $1', ("<user>",)),
    (4, f'{_django("organization_members", *_MEMBER)} WHERE ("organization_members"."organization_id" = $1 AND'
        ' "organization_members"."role" IN ($2, $3)) ORDER BY "organization_members"."created_at" ASC',
     ("<organization>", "owner", "admin")),
    (3, 'SELECT COUNT(*) AS "__count" FROM "domains" WHERE "domains"."organization_id" = $1', ("<organization>",)),
    (3, f'{_django("domains", *_DOMAIN)} WHERE UPPER("domains"."name"::text) LIKE UPPER($1) ORDER BY "domains"."name" ASC LIMIT 21',
     ("%SHOP 1%",)),
    (5, f'{_django("scrape_jobs", *_JOB)} WHERE "scrape_jobs"."id" = $1 LIMIT 21', ("<job>",)),
    (3, 'SELECT "scrape_jobs"."status", COUNT("scrape_jobs"."id") AS "many" FROM "scrape_jobs" WHERE "scrape_jobs"."created_at" >= $1'
        ' GROUP BY "scrape_jobs"."status" ORDER BY "many" DESC', ("<week_ago>",)),
    (2, f'SELECT {", ".join(_named("scrape_jobs", "id", "status") + _named("domains", "id", "name"))} FROM "scrape_jobs" INNER JOIN'
        ' "domains" ON ("scrape_jobs"."domain_id" = "domains"."id") WHERE "domains"."organization_id" = $1 ORDER BY'
        ' "scrape_jobs"."created_at" DESC LIMIT 25 OFFSET 25', ("<organization>",)),
    (4, 'UPDATE "scrape_jobs" SET "status" = $1, "error" = NULL, "completed_at" = NULL WHERE "scrape_jobs"."id" = $2',
     ("pending", "<job>")),
    (2, 'INSERT INTO "scrape_jobs" ("id", "domain_id", "status", "config", "pages_scraped", "error", "created_at", "completed_at")'
        " VALUES (gen_random_uuid(), $1, $2, $3, $4, NULL, $5, NULL)", ("<domain>", "pending", "{}", "0", "<now>")),
    (2, 'SELECT (1) AS "a" FROM "organizations" WHERE "organizations"."slug" = $1 LIMIT 1', ("organization-1",)),
    (2, 'SELECT DISTINCT "website_content"."content_type" FROM "website_content" WHERE "website_content"."domain_id" = $1', ("<domain>",)),
    (2, 'SELECT "scraped_pages"."url" FROM "scraped_pages" WHERE ("scraped_pages"."domain_id" = $1 AND NOT ("scraped_pages"."status" ='
        ' $2) AND "scraped_pages"."scraped_at" BETWEEN $3 AND $4)', ("<domain>", "failed", "<week_ago>", "<now>")),
    (2, 'SELECT MAX("messages"."created_at") AS "last" FROM "messages" WHERE "messages"."conversation_id" IN (SELECT U0."id" FROM'
        ' "conversations" U0 WHERE U0."session_id" = $1)', ("<session>",)),
    (1, 'SELECT SUM("chat_telemetry"."cost_usd") AS "cost", AVG("chat_telemetry"."duration_ms") AS "took" FROM "chat_telemetry" WHERE'
        ' "chat_telemetry"."created_at" >= $1', ("<week_ago>",)),
    (1, 'DELETE FROM "organization_members" WHERE ("organization_members"."organization_id" = $1 AND "organization_members"."user_id" ='
        " $2)", ("<organization>", "<user>")),
)  # fmt: skip
