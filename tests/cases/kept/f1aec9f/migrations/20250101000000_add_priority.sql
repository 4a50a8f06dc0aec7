alter table app.parent add column priority integer not null default 0;
create index parent_priority on app.parent (priority);
