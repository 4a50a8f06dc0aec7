-- auth.uid(), role(), email() or jwt(), called for each row: inside `(select …)` they are computed once a query.
select
    'auth_call_for_each_row' as name,
    'warn' as level,
    format('%I.%I.%I', n.nspname, c.relname, p.polname) as object,
    'auth.' || (regexp_match(stripped.text, 'auth\.(uid|role|email|jwt)\(\)'))[1] || '() is called for each row' as detail,
    'write (select auth.uid()) in place of auth.uid()' as remedy
from pg_catalog.pg_policy p
join pg_catalog.pg_class c on c.oid = p.polrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
cross join lateral (
    select
        -- what stands directly in a sub-select of its own is computed once, and so are its operators
        regexp_replace(
            concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
            '\( *SELECT \(*(auth\.(uid|role|email|jwt)\(\)|current_setting\()',
            '(',
            'gi'
        ) as text
) stripped
where stripped.text ~ 'auth\.(uid|role|email|jwt)\(\)'
    and not starts_with(n.nspname, 'pg_')
    and n.nspname <> all (array['information_schema', 'auth', 'cron'])
order by object
