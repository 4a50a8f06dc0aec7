-- Open and prepared transactions, in seconds since they began, without the time for which one has been idle now: that is the measure
-- idle_in_transaction.
-- needs: pg_read_all_stats
with transaction as (
    select
        format('pid %s', a.pid) as object,
        a.usename::text as role,
        a.application_name as application,
        a.application_name ~ '^(pg_cron|pg_deploy|pg_dump|pg_restore)'
            or a.query ~* '^\s*(refresh|create|alter|reindex|vacuum|cluster|copy)' as works,
        a.xact_start as began,
        case when a.state like 'idle in transaction%' then a.state_change else clock_timestamp() end as worked_until,
        'has been running' as does
    from pg_catalog.pg_stat_activity a
    where a.datname = current_database()
        and a.xact_start is not null
        and coalesce(a.backend_type, 'client backend') = 'client backend'
        and a.pid <> pg_backend_pid()
    union all
    select
        format('prepared transaction %s', p.gid),
        p.owner::text,
        '',
        false,
        p.prepared,
        clock_timestamp(),
        'has been waiting for COMMIT PREPARED or ROLLBACK PREPARED'
    from pg_catalog.pg_prepared_xacts p
    where p.database = current_database()
)
select
    t.object,
    round(extract(epoch from t.worked_until - t.began)::numeric, 1) as value,
    's' as unit,
    jsonb_build_object(
        'role', t.role,
        'application', t.application,
        'do', case
            when t.object like 'prepared%' then 'end it with commit prepared or rollback prepared'
            when t.works then 'it is at work on what was asked of it: let it end, and see why it takes so long'
            else 'see what it does in pg_stat_activity, and ask its owner; pg_cancel_backend ends its statement and undoes its work'
        end,
        'cause', format(
            'a transaction of %s%s %s since %s UTC: its locks are held, and vacuum waits for it',
            t.role,
            coalesce(' (' || nullif(t.application, '') || ')', ''),
            t.does,
            to_char(t.began at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
        )
    ) as detail
from transaction t
order by 2 desc
limit 20
