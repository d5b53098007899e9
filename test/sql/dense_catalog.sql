-- What the planner is told of the functions and operators of the dense types.
CREATE TEMP TABLE type (n serial, name text);
INSERT INTO type (name) VALUES ('vector'), ('halfvec'), ('bf16vec'), ('int8vec');
CREATE TEMP VIEW ours AS SELECT p.* FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension e ON e.oid = d.refobjid AND extname = 'vecx'
    WHERE EXISTS (SELECT FROM type t WHERE to_regtype(t.name) = ANY (proargtypes) OR to_regtype(t.name) = prorettype);

-- Every C function of theirs is immutable, strict and parallel safe, none is leakproof.
SELECT provolatile, proisstrict, proparallel, proleakproof, prokind, procost, count(*) > 20 AS many
FROM ours JOIN pg_language l ON l.oid = prolang WHERE lanname = 'c' GROUP BY 1, 2, 3, 4, 5, 6;
SELECT oid::regprocedure FROM ours WHERE prokind = 'a' AND proparallel <> 's';
SELECT p.oid::regprocedure AS aggregate, aggtransfn, aggcombinefn, aggfinalfn, aggtranstype::regtype, agginitval
FROM ours p JOIN pg_aggregate ON aggfnoid = p.oid ORDER BY p.oid::regprocedure::text COLLATE "C";

-- Functions, by name and by the types that have them.
SELECT function, string_agg(DISTINCT name, ' ' ORDER BY name) AS types
FROM (SELECT a.name, regexp_replace(proname, '^' || a.name || '_', 'TYPE_') COLLATE "C" AS function
      FROM ours p JOIN type a ON to_regtype(a.name) = proargtypes[0] WHERE prokind = 'f' AND proname !~ 'sparsevec') s
GROUP BY function ORDER BY function;

-- Operators: all types have the same, with the same commutators, negators and estimators.
SELECT oprname, oprresult, com, neg, oprrest, oprjoin, oprcanhash, oprcanmerge, string_agg(name, ' ' ORDER BY n)
FROM (SELECT t.n, t.name, o.oprname, replace(o.oprresult::regtype::text, t.name, 'TYPE') AS oprresult, c.oprname AS com, g.oprname AS neg, o.oprrest, o.oprjoin, o.oprcanhash, o.oprcanmerge
      FROM pg_operator o JOIN type t ON o.oprleft = to_regtype(t.name) AND o.oprright = o.oprleft
           LEFT JOIN pg_operator c ON c.oid = o.oprcom LEFT JOIN pg_operator g ON g.oid = o.oprnegate) s
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY oprname COLLATE "C";
