select "id of" as problem from "x.y"."t on x.y" where "id of" > 1000;
