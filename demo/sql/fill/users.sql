-- Run as supabase_admin: only the auth service writes here.
insert into auth.users (
    instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, confirmation_token, recovery_token,
    email_change_token_new, email_change, last_sign_in_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at
)
select
    '00000000-0000-0000-0000-000000000000',
    pg_temp.user_key(i),
    'authenticated',
    'authenticated',
    'user' || i || '@example.com',
    '$2a$10$' || left(md5('salt:' || i) || md5('hash:' || i), 53),
    plan.base - interval '200 days' + pg_temp.unit(i, 1) * interval '100 days',
    '',
    '',
    '',
    '',
    plan.base - pg_temp.unit(i, 2) * interval '30 days',
    '{"provider": "email", "providers": ["email"]}',
    jsonb_build_object(
        'full_name',
        pg_temp.pick(i, 3, '{Ada,Grace,Edsger,Barbara,Donald,Radia,Tim,Katherine}')
            || ' ' || pg_temp.pick(i, 4, '{Meyer,Okafor,Silva,Novak,Tanaka,Hansen,Rossi,Kaya}')
    ),
    plan.base - interval '200 days' + pg_temp.unit(i, 1) * interval '100 days',
    plan.base - pg_temp.unit(i, 2) * interval '30 days'
from plan, generate_series(1, plan.users) as i;
