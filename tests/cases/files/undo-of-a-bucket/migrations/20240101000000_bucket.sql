insert into storage.buckets (id, name) values ('covers', 'covers'), ('o''hara', 'x') on conflict (id) do nothing;
create policy "covers are seen by all" on storage.objects for select using (bucket_id = 'covers');
