-- dblink exists in the copy, so that functions that call it can be made. A call fails and says why.
do $cut$
declare
    called record;
begin
    for called in
        select p.oid::regprocedure as name
        from pg_catalog.pg_proc p
        join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
        join pg_catalog.pg_extension x on x.oid = d.refobjid
        join pg_catalog.pg_language l on l.oid = p.prolang
        where x.extname = current_setting('pg_deploy.extension')
            and d.refclassid = 'pg_catalog.pg_extension'::regclass
            and l.lanname = 'c'
            and p.prorettype <> 'trigger'::regtype
            and not exists (select from pg_catalog.pg_foreign_data_wrapper w where p.oid in (w.fdwhandler, w.fdwvalidator))
    loop
        -- Only the code is replaced: signature, rights and comments stay.
        update pg_catalog.pg_proc set
            prolang = (select l.oid from pg_catalog.pg_language l where l.lanname = 'plpgsql'),
            probin = null,
            prosrc = 'begin raise exception ''no outgoing call is made in a rehearsal''; end'
        where oid = called.name;
    end loop;
end
$cut$
