insert into public.organizations (id, name, slug, plan, created_at)
select
    pg_temp.key('organization', i),
    'Organization ' || i,
    'organization-' || i,
    case when i = 1 then 'enterprise' else pg_temp.pick(i, 11, '{free,free,pro}') end,
    plan.base - interval '300 days' + pg_temp.unit(i, 12) * interval '100 days'
from plan, generate_series(1, plan.organizations) as i;

-- Every 20th user is in no organization, every 7th in a second one, every 35th in a third; one in 15 memberships is
-- suspended, so that some users are active here and suspended there. User 1 is an active owner of the large tenant.
with seat as (
    select
        i,
        n,
        case
            when n = 1 and i <= plan.large_members then 1
            else 2 + floor(pg_temp.unit(i, 20 + n) * (plan.organizations - 1))::integer
        end as organization,
        plan.base
    from plan, generate_series(1, plan.users) as i, generate_series(1, 3) as n
    where i % 20 <> 0
        and (n = 1 or i % 7 = 0)
        and (n < 3 or i % 35 = 0)
)
insert into public.organization_members (organization_id, user_id, role, status, created_at)
select distinct on (organization, i)
    pg_temp.key('organization', organization),
    pg_temp.user_key(i),
    case when i = 1 then 'owner' else pg_temp.pick(i * 3 + n, 24, '{owner,admin,member,member,member}') end,
    case when i > 1 and (i + 10 * n) % 15 = 0 then 'suspended' else 'active' end,
    base - pg_temp.unit(i * 3 + n, 25) * interval '180 days'
from seat
order by organization, i, n;

insert into public.domains (id, organization_id, domain, name, settings, created_at)
select
    pg_temp.key('domain', i),
    pg_temp.key(
        'organization',
        case
            when i <= plan.large_domains then 1
            else 2 + floor(pg_temp.unit(i, 31) * (plan.organizations - 1))::integer
        end
    ),
    pg_temp.domain_name(i),
    'Shop ' || i,
    jsonb_build_object(
        'language', pg_temp.pick(i, 32, '{en,de,fr,pt}'),
        'widget', jsonb_build_object('colour', '#' || left(md5('colour:' || i), 6), 'position', 'bottom-right')
    ),
    plan.base - interval '200 days' + pg_temp.unit(i, 33) * interval '100 days'
from plan, generate_series(1, plan.domains) as i;
