# Who may do what, and what hostile objects in a search path can do: nothing. A role without rights makes the extension,
# uses it and checks its indexes; others may not read indexes that are not theirs; dump and restore keep all of it.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use VecxStress;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('security');
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE mallory LOGIN; CREATE ROLE monitor LOGIN; GRANT pg_stat_scan_tables TO monitor;
	CREATE DATABASE app; GRANT CREATE ON DATABASE app TO owner; CREATE DATABASE hostile; CREATE DATABASE restored');

sub as { return (extra_params => [ '-U', $_[0] ]) }
sub error_of
{
	my ($role, $database, $sql) = @_;
	my ($rc, $out, $err) = $node->psql($database, $sql, as($role));
	return $err =~ /ERROR:\s+(.*)/ ? $1 : $rc == 0 ? '' : "exit $rc: $err";
}

# A trusted extension: whoever may create things in the database may create it, and needs no more rights after that.
like(error_of('mallory', 'app', 'CREATE EXTENSION vecx'), qr/permission denied to create extension/, 'without CREATE on the database there is no CREATE EXTENSION');
is(error_of('owner', 'app', 'CREATE SCHEMA AUTHORIZATION owner; CREATE EXTENSION vecx SCHEMA owner'), '', 'with it there is, for no superuser');
is(error_of('owner', 'app', "CREATE TABLE t (id int, v vector(16)); INSERT INTO t SELECT i, array_fill(i, ARRAY[16])::vector FROM generate_series(1, 200) i;
	CREATE INDEX i ON t USING hnsw (v vector_l2_ops); SET maintenance_work_mem = '1MB'; CREATE INDEX CONCURRENTLY i2 ON t USING hnsw (v vector_l2_ops) WITH (layout = plain)"), '', 'its owner builds indexes');
$node->safe_psql('app', 'VACUUM owner.t; GRANT USAGE ON SCHEMA owner TO mallory, monitor; GRANT SELECT ON owner.t TO mallory; CREATE SCHEMA AUTHORIZATION mallory');
foreach my $function ("vecx_check_index('owner.i')", "vecx_check_index('owner.i', true)", "vecx_index_stats('owner.i')")
{
	is(error_of('owner', 'app', "SELECT owner.$function"), '', "$function: the owner may");
	is(error_of('monitor', 'app', "SELECT owner.$function"), '', "$function: a member of pg_stat_scan_tables may");
	is(error_of($node->safe_psql('postgres', 'SELECT current_user'), 'app', "SELECT owner.$function"), '', "$function: a superuser may");
	is(error_of('mallory', 'app', "SELECT owner.$function"), 'permission denied for index "i"', "$function: who can only read the table may not");
}
is(error_of('mallory', 'app', "SELECT owner.vecx_index_info('owner.i')"), '', 'vecx_index_info: everybody may, it says what the catalogs say');
is(error_of('mallory', 'app', "SET search_path = owner; SET enable_seqscan = off; SELECT id FROM t ORDER BY v <-> array_fill(1, ARRAY[16])::vector LIMIT 1; SELECT * FROM vecx_last_scan()"), '', 'with SELECT on the table everybody searches');
is(error_of('mallory', 'app', "SET search_path = mallory; CREATE OPERATOR CLASS mine FOR TYPE owner.vector USING hnsw AS STORAGE owner.vector"), 'must be superuser to create an operator class', 'operator classes are for superusers');
foreach my $set ('hnsw.ef_search = 100000', "hnsw.scan_mem_multiplier = 1000", "vecx.simd = 'scalar'", 'vecx.skip_unused_distance = off', 'hnsw.max_scan_tuples = 5', 'hnsw.iterative_scan = strict_order')
{
	is(error_of('mallory', 'app', "SELECT '[1]'::owner.vector; SET $set"), '', "a setting for everybody: $set");
}
# The checker runs expressions of an index as the table's owner, who can thereby do nothing as the caller.
is(error_of('owner', 'app', q{CREATE FUNCTION noting(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN IF current_setting('test.note', true) = 'on' THEN RAISE NOTICE 'ran as %', current_user; END IF; RETURN v; END $$;
	CREATE INDEX e ON t USING hnsw ((noting(v)::vector(16)) vector_l2_ops)}), '', 'an index on an expression');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my ($ran, undef, $notices) = $node->psql('app', "SET test.note = on; SET search_path = owner; SELECT vecx_check_index('e', true)", on_error_stop => 1);
is($ran, 0, 'a superuser checks it');
like($notices, qr/ran as owner/, 'the expression ran as the owner');
unlike($notices, qr/ran as (?!owner)/, 'and as nobody else');
is(error_of($superuser, 'app', q{ALTER TABLE owner.t OWNER TO mallory; CREATE OR REPLACE FUNCTION owner.noting(v owner.vector) RETURNS owner.vector LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN IF current_setting('test.note', true) = 'on' THEN RESET SESSION AUTHORIZATION; EXECUTE 'CREATE ROLE stolen SUPERUSER'; END IF; RETURN v; END $$}), '', 'a malicious expression');
isnt(error_of($superuser, 'app', "SET test.note = on; SET search_path = owner; SELECT vecx_check_index('e', true)"), '', 'a superuser checks it, and it fails');
is($node->safe_psql('app', "SELECT count(*) FROM pg_roles WHERE rolname = 'stolen'"), '0', 'and it has won nothing');
$node->safe_psql('app', 'ALTER TABLE owner.t OWNER TO owner; DROP INDEX owner.e; DROP FUNCTION owner.noting');

# Functions that anybody can call with anything: states of aggregates.
my %bad = map { $_ => 1 } ("'{}'", 'ARRAY[NULL]::float8[]', "'{{1,2},{3,4}}'", "'{1,NULL,1}'", "'{NaN,1}'", "'{-1,1}'");
foreach my $type (qw(vector halfvec bf16vec int8vec))
{
	foreach my $state (sort keys %bad)
	{
		my ($out, $err, $rc);
		($rc, $out, $err) = $node->psql('app', "SET search_path = owner; SELECT ${type}_avg($state)", on_error_stop => 0);
		cmp_ok($rc, '==', 0, "${type}_avg($state): the server lives");
		($rc, $out, $err) = $node->psql('app', "SET search_path = owner; SELECT ${type}_accum($state, '[1,2]')", on_error_stop => 0);
		like("$rc $err", qr/^0 .*ERROR/s, "${type}_accum($state): is refused") if $state !~ /NaN|-1/;
		($rc, $out, $err) = $node->psql('app', "SET search_path = owner; SELECT ${type}_combine($state, $state)", on_error_stop => 0);
		cmp_ok($rc, '==', 0, "${type}_combine($state, same): the server lives");
	}
}

# A hostile search path. mallory has put functions and operators where the names of the script and of PostgreSQL's own
# functions could be found first, and each reports that it ran, and as whom.
my @shadows = ('float8(float8)', 'abs(float8)', 'sqrt(float8)', 'array_length(float8[], int)', 'hashint8(int8)', 'length(bit)', 'bit_count(bit)', 'format_type(oid, int)');
my $shadow = "CREATE TABLE hits (what text, who text); GRANT INSERT ON hits TO PUBLIC;";
foreach my $schema ('evil', 'pg_temp')
{
	my $record = sub { "LANGUAGE plpgsql AS \$\$ BEGIN INSERT INTO evil.hits VALUES ('$_[0]', current_user); RETURN $_[1]; END \$\$;" };
	$shadow .= "CREATE FUNCTION $schema.$_->[0] RETURNS $_->[1] " . $record->("$schema.$_->[0]", $_->[2])
	  foreach (['abs(float8)', 'float8', '0'], ['sqrt(float8)', 'float8', '0'], ['float8(float8)', 'float8', '0'], ['length(bit)', 'int', '0'], ['float8pl(float8, float8)', 'float8', '0'],
		['float8lt(float8, float8)', 'bool', 'false'], ['booleq(bool, bool)', 'bool', 'false'], ['eqsel(int, int)', 'int', '0'], ['array_fill(float8, int[])', 'float8[]', 'NULL'],
		['tidlt(tid, tid)', 'bool', 'true'], ['hamming(bit, bit)', 'float8', '0']);
	$shadow .= "CREATE OPERATOR $schema.$_->[0] (LEFTARG = $_->[2], RIGHTARG = $_->[2], FUNCTION = $schema.$_->[1]);" foreach (['<', 'float8lt', 'float8'], ['+', 'float8pl', 'float8'], ['=', 'booleq', 'bool'], ['<', 'tidlt', 'tid']);
	$shadow .= "CREATE DOMAIN $schema.float4 AS int; CREATE DOMAIN $schema.float8_ops AS int; CREATE TYPE $schema.index_am_handler AS (x int);";
}
is(error_of($superuser, 'hostile', 'GRANT CREATE ON DATABASE hostile TO mallory'), '', 'mallory may create schemas');
is(error_of('mallory', 'hostile', "CREATE SCHEMA evil; SET search_path = evil; $shadow; GRANT USAGE ON SCHEMA evil TO PUBLIC"), '', 'and fills one');
my $use = q{
	CREATE TABLE ext.t (id int, v ext.vector(16), h ext.halfvec(16), s ext.sparsevec(16), b bit(64));
	INSERT INTO ext.t SELECT i, x, x::ext.halfvec(16), x::ext.sparsevec(16), (i::bigint * 7919)::bit(64) FROM (SELECT i, pg_catalog.array_agg((i * j % 17)::pg_catalog.float4)::ext.vector(16) AS x
		FROM pg_catalog.generate_series(1, 400) i, pg_catalog.generate_series(1, 16) j GROUP BY i) s;
	CREATE INDEX iv ON ext.t USING hnsw (v ext.vector_l2_ops);
	CREATE INDEX ih ON ext.t USING hnsw (h ext.halfvec_cosine_ops) WITH (layout = compact);
	CREATE INDEX isp ON ext.t USING hnsw (s ext.sparsevec_l2_ops);
	CREATE INDEX ib ON ext.t USING hnsw (b ext.bit_hamming_ops);
	CREATE INDEX ibt ON ext.t (v);
	SET enable_seqscan = off;
	SET work_mem = '64kB';
	SELECT count(*) FROM (SELECT id FROM ext.t ORDER BY v OPERATOR(ext.<->) (SELECT v FROM ext.t WHERE id = 3) OFFSET 0) s;
	SELECT count(*) FROM (SELECT id FROM ext.t ORDER BY h OPERATOR(ext.<=>) (SELECT h FROM ext.t WHERE id = 3) OFFSET 0) s;
	SELECT count(*) FROM (SELECT id FROM ext.t ORDER BY s OPERATOR(ext.<->) (SELECT s FROM ext.t WHERE id = 3) OFFSET 0) s;
	SELECT count(*) FROM (SELECT id FROM ext.t ORDER BY b OPERATOR(ext.<~>) (SELECT b FROM ext.t WHERE id = 3) OFFSET 0) s;
	SELECT ext.avg(v), ext.sum(h), ext.avg(s) FROM ext.t;
	SELECT v OPERATOR(ext.+) v, ext.l2_normalize(v), ext.vector_norm(v), v::text::ext.vector, v::float4[] FROM ext.t LIMIT 1;
	SELECT DISTINCT v FROM ext.t; SELECT max(v) FROM (SELECT v FROM ext.t ORDER BY v DESC LIMIT 1) s;
	SELECT ext.vecx_check_index('ext.iv', true), ext.vecx_check_index('ext.ib', true), ext.vecx_index_stats('ext.ih'), ext.vecx_last_scan();
	DELETE FROM ext.t WHERE id OPERATOR(pg_catalog.<) 100;
	ANALYZE ext.t;};
$use =~ s/::float4\[\]/::pg_catalog.float4[]/; # the shadowed name would be another type, as for any statement
$use =~ s/SELECT max\(v\)/SELECT count(v)/;
# The session of the superuser has the shadows in its pg_temp as well, as if it had been tricked into calling something.
my $temp = $shadow;
$temp =~ s/CREATE TABLE hits.*?TO PUBLIC;//;
my ($evil_part, $temp_part) = $temp =~ /^(.*?DOMAIN evil.*?\(x int\);)(.*)$/s;
my ($rc, $out, $err) = $node->psql('hostile', "$temp_part SET search_path = evil, public, pg_temp; CREATE SCHEMA ext; CREATE EXTENSION vecx SCHEMA ext; SET search_path = evil, pg_temp, pg_catalog, public, ext; $use", on_error_stop => 1);
is($err, '', 'with a hostile search path the extension is made and used') or diag($out);
is($node->safe_psql('hostile', 'SELECT * FROM evil.hits LIMIT 5'), '', 'and nothing of mallory\'s ran');
is($node->safe_psql('hostile', "SET search_path = evil, pg_catalog, ext; VACUUM ext.t; SELECT * FROM evil.hits LIMIT 5"), '', 'nor in VACUUM');
is($node->safe_psql('hostile', "SET search_path = evil, pg_catalog; SELECT abs('-1'::float8); SELECT what FROM evil.hits"), "0\nevil.abs(float8)", 'which would have been seen');
is( $node->safe_psql('hostile', q{
	WITH members AS (SELECT classid, objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vecx'))
	SELECT pg_describe_object(d.classid, d.objid, 0) || ' depends on ' || pg_describe_object(d.refclassid, d.refobjid, 0) FROM members m JOIN pg_depend d USING (classid, objid)
	WHERE d.deptype <> 'e' AND d.refobjid >= 16384 AND (d.refclassid, d.refobjid) NOT IN (SELECT * FROM members)
		AND NOT (d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT typrelid FROM pg_type WHERE ('pg_type'::regclass, oid) IN (SELECT * FROM members)))
		AND NOT (d.refclassid = 'pg_namespace'::regclass AND d.refobjid = 'ext'::regnamespace)}),
	'', 'what the extension made depends on nothing but itself and PostgreSQL');
is($node->safe_psql('hostile', q{SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'vecx' WHERE p.prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('c', 'internal')) AND p.prosqlbody IS NULL OR p.prosecdef}),
	'', 'no function of it has a body in SQL that is parsed when it runs, or runs as somebody else');

# Names that are taken make CREATE EXTENSION fail; it never takes over what somebody else owns.
is(error_of($superuser, 'hostile', 'DROP EXTENSION vecx CASCADE; DROP SCHEMA ext CASCADE; CREATE SCHEMA ext; GRANT ALL ON SCHEMA ext TO mallory'), '', 'once more');
foreach my $taken ('CREATE FUNCTION ext.hamming_distance(bit, bit) RETURNS float8 LANGUAGE sql AS $$ SELECT 0::float8 $$', 'CREATE TYPE ext.vector AS (x int)', 'CREATE DOMAIN ext.halfvec AS int')
{
	is(error_of('mallory', 'hostile', $taken), '', $taken);
	like(error_of($superuser, 'hostile', 'CREATE EXTENSION vecx SCHEMA ext'), qr/already exists|is not a member/, 'makes CREATE EXTENSION fail');
	my ($kind, $name) = $taken =~ /CREATE (\w+) (\S+?)(?=\(| |$)/;
	is(error_of('mallory', 'hostile', "DROP $kind $name"), '', 'and is still mallory\'s own');
}

# Dump and restore by the owner keep it, and who may do what.
$node->safe_psql('app', 'REVOKE EXECUTE ON FUNCTION owner.vecx_check_index(regclass, boolean) FROM PUBLIC; GRANT EXECUTE ON FUNCTION owner.vecx_check_index(regclass, boolean) TO owner');
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump';
command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('app') ], 'dump');
command_ok([ 'pg_restore', '-d', $node->connstr('restored'), $dump ], 'restore');
is(error_of('owner', 'restored', "SELECT owner.vecx_check_index('owner.i')"), '', 'restored: what was granted is granted');
like(error_of('monitor', 'restored', "SELECT owner.vecx_check_index('owner.i')"), qr/permission denied for function vecx_check_index/, 'what was revoked is revoked');
is(error_of('monitor', 'restored', "SELECT owner.vecx_index_stats('owner.i')"), '', 'and what is for all is for all');

clean_log($node, 'security');
finish($node);
