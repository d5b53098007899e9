
-- Built from sql/parts/*.sql in the order of their names; edit those.
