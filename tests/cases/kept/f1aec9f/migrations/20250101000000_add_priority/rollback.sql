drop index app.parent_priority;
alter table app.parent drop column priority;
