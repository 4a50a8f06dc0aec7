-- The tables in which tools for migrations keep their histories, known by their names and columns, and how many tables are the application's.
-- Schemas that a service of Supabase migrates by itself say nothing about the application.
with known (tool, relation, has_columns, in_schema) as (
    values
        ('the Supabase CLI', 'schema_migrations', '{version}'::text[], 'supabase_migrations'),
        ('Flyway', 'flyway_schema_history', '{installed_rank,version}', null),
        ('Liquibase', 'databasechangelog', '{id,author,filename}', null),
        ('Alembic', 'alembic_version', '{version_num}', null),
        ('Django', 'django_migrations', '{app,name}', null),
        ('golang-migrate', 'schema_migrations', '{version,dirty}', null),
        ('Ecto', 'schema_migrations', '{version,inserted_at}', null),
        ('Rails or dbmate', 'schema_migrations', '{version}', null),
        ('Sqitch', 'changes', '{change_id,change,project,committed_at}', null),
        ('Prisma', '_prisma_migrations', '{migration_name,checksum}', null),
        ('Atlas', 'atlas_schema_revisions', '{version,applied}', null),
        ('goose', 'goose_db_version', '{version_id,is_applied}', null),
        ('Knex', 'knex_migrations', '{name,batch}', null),
        ('Drizzle', '__drizzle_migrations', '{hash,created_at}', null),
        ('pgroll', 'migrations', '{migration,parent,done}', 'pgroll'),
        ('Sequelize', 'SequelizeMeta', '{name}', null),
        ('Laravel', 'migrations', '{migration,batch}', null),
        ('TypeORM', 'migrations', '{timestamp,name}', null),
        ('node-pg-migrate', 'pgmigrations', '{name,run_on}', null),
        ('Diesel', '__diesel_schema_migrations', '{version,run_on}', null),
        ('SQLx', '_sqlx_migrations', '{version,checksum}', null),
        ('Entity Framework', '__EFMigrationsHistory', '{MigrationId}', null)
),
tables as (
    select
        c.oid,
        n.nspname::text as schema,
        c.relname::text as relation,
        array(
            select a.attname::text
            from pg_catalog.pg_attribute a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        ) as columns
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
        and not c.relispartition
        and n.nspname !~ '^pg_'
        and n.nspname <> 'information_schema'
        and n.nspname <> all (
            '{auth,storage,realtime,_realtime,_supavisor,_analytics,supabase_functions,graphql,graphql_public,vault,cron,net,extensions}'
        )
        and not exists (
            select
            from pg_catalog.pg_depend d
            where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
        )
),
found as (
    -- A name that several tools share belongs to the one that asks for most columns.
    select distinct on (t.oid) t.oid, t.schema, t.relation, k.tool
    from tables t
    join known k on k.relation = t.relation and k.has_columns <@ t.columns and (k.in_schema is null or k.in_schema = t.schema)
    where t.schema <> 'supabase_migrations' or k.in_schema is not null
    order by t.oid, k.in_schema nulls last, cardinality(k.has_columns) desc, k.tool
)
select
    f.tool,
    f.schema,
    f.relation,
    has_schema_privilege(f.schema, 'usage') and has_table_privilege(f.oid, 'select') as readable,
    (
        select count(*)
        from tables t
        where t.oid not in (select g.oid from found g) and t.schema not in ('supabase_migrations', 'pgroll', 'sqitch')
    ) as tables
from (select) one
left join found f on true
order by f.tool, f.schema
