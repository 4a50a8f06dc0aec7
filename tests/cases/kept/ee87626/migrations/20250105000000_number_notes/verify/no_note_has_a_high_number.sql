select id as note, number as found, 0 as expected from public.notes where number > 17;
