select * from app.parent where id = 7;
