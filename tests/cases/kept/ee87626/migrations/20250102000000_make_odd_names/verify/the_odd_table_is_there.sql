select 'it is gone' as problem where to_regclass('"x.y"."t on x.y"') is null;
