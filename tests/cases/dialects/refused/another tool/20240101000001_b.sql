-- @UP
alter table clients add column phone text;
-- @DOWN
alter table clients drop column phone;
