-- Whether a text can be a value of a type.
create function access_proof.castable(value text, kind text)
returns boolean
language plpgsql
as $$
declare
    ignored text;
begin
    execute format('select %L::%s', value, kind) into ignored;
    return true;
exception
    when data_exception or check_violation or program_limit_exceeded or undefined_object then
        return false;
end
$$
