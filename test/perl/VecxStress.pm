# What the tests of concurrency, visibility, cancellation and memory share: the access methods they go through, a table of
# rows with an index of each, and what must hold when all is quiet.
package VecxStress;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

our @EXPORT = qw(methods create_functions create_table index_ddl settings whole_scan found_by_own_vector quiet_and_sound clean_log seconds);

# Every access method, with the options that make another index of it. A new one needs a line here. `using` is of a table
# with the columns v and h of create_table; `settings` make searches of that method see all rows.
my @methods = (
	{ name => 'plain', using => 'hnsw (v vector_l2_ops) WITH (layout = plain)', column => 'v', op => '<->' },
	{ name => 'inline', using => 'hnsw (v vector_l2_ops) WITH (layout = inline)', column => 'v', op => '<->' },
	{ name => 'compact', using => 'hnsw (h halfvec_cosine_ops) WITH (layout = compact)', column => 'h', op => '<=>' },
	# Operators that no other index of the table has, so that these are the ones that answer.
	{ name => 'ivf', using => 'ivf (v vector_cosine_ops) WITH (lists = 6, quantizer = rabitq)', column => 'v', op => '<=>' },
	{ name => 'flat', using => 'ivfflat (h halfvec_l2_ops) WITH (lists = 6)', column => 'h', op => '<->' },
);

sub methods { return @methods }

# A test's length: `short` seconds, or what the environment variable VECX_STRESS_SECONDS says.
sub seconds
{
	my ($short) = @_;
	return $ENV{VECX_STRESS_SECONDS} || $short;
}

# vector_of: clustered vectors of 24 dimensions that are different for different numbers, but every tenth is one of three.
# Nothing is drawn by chance.
sub create_functions
{
	my ($node) = @_;
	$node->safe_psql('postgres', q{
		CREATE FUNCTION coordinates(i bigint) RETURNS vector(24) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
			SELECT array_agg((hashint8extended(i % 16, j) % 60 + hashint8extended(i, j) % 40)::int ORDER BY j)::vector(24)
			FROM generate_series(1, 24) j $$;
		CREATE FUNCTION vector_of(i bigint) RETURNS vector(24) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
			SELECT coordinates(CASE WHEN i % 10 = 0 THEN i / 10 % 3 ELSE i END) $$;
		-- A scan of the whole index must return exactly the rows that the snapshot sees, each once.
		CREATE FUNCTION assert_complete(relation text, col text, op text, near bigint) RETURNS void LANGUAGE plpgsql AS $$
		DECLARE
			seen record;
			found record;
		BEGIN
			PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
			EXECUTE format('SELECT count(*) AS n, sum(id) AS s FROM %I', relation) INTO seen;
			PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
			EXECUTE format('SELECT count(*) AS n, count(DISTINCT id) AS d, sum(id) AS s FROM
				(SELECT id FROM %I ORDER BY %I %s coordinates(%s)::%s OFFSET 0) x', relation, col, op, near,
				CASE col WHEN 'h' THEN 'halfvec(24)' ELSE 'vector(24)' END) INTO found;
			IF found.n <> seen.n OR found.d <> seen.n OR found.s IS DISTINCT FROM seen.s THEN
				RAISE 'lost or doubled: % rows are visible in %, % returned by the index on %, % different', seen.n, relation, found.n, col, found.d;
			END IF;
		END $$;
	});
	return;
}

sub index_ddl
{
	my ($table, $method, $concurrently) = @_;
	return "CREATE INDEX " . ($concurrently // '') . " ${table}_$method->{name} ON $table USING $method->{using};";
}

# A table of `rows` rows, their vectors in two types, with an index of each method.
sub create_table
{
	my ($node, $table, $rows, @indexes) = @_;
	$node->safe_psql('postgres', "CREATE TABLE $table (id bigint PRIMARY KEY, v vector(24), h halfvec(24), note int DEFAULT 0) WITH (fillfactor = 80);
		CREATE SEQUENCE ${table}_ids START " . ($rows + 1) . ";
		INSERT INTO $table SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM generate_series(1, $rows) i;"
		. join('', map { index_ddl($table, $_) } @indexes) . "ANALYZE $table;");
	return;
}

# Searches with these go through the index named, and no other way: the other indexes are out of the planner's sight.
# All lists of an inverted file are searched.
sub settings { return 'SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET ivf.probes = 10000; SET ivfflat.probes = 10000;' }

# Values that a search for them does not return: '' or lines of 'copies found'. Of equal rows as many as there are must come
# first.
sub found_by_own_vector
{
	my ($node, $table, $method) = @_;
	my ($c, $op) = @{$method}{qw(column op)};
	return $node->safe_psql('postgres', settings() . "WITH own AS MATERIALIZED (SELECT $c AS x, count(*) AS copies FROM (SELECT * FROM $table OFFSET 0) s GROUP BY $c)
		SELECT copies || ' ' || found FROM own CROSS JOIN LATERAL
			(SELECT count(*) AS found FROM (SELECT $c AS y FROM $table ORDER BY $c $op own.x LIMIT own.copies) s WHERE s.y = own.x) s WHERE found <> copies");
}

# 'n|n|sum' of a scan of the whole index, and of the table.
sub whole_scan
{
	my ($node, $table, $method) = @_;
	my $type = $method->{column} eq 'h' ? 'halfvec(24)' : 'vector(24)';
	return $node->safe_psql('postgres', settings() . "SELECT count(*), count(DISTINCT id), sum(id) FROM
		(SELECT id FROM $table ORDER BY $method->{column} $method->{op} coordinates(7)::$type OFFSET 0) s");
}

# When nobody works on the table: after a VACUUM each index holds exactly the living rows, a checker that also looks at
# every row of the table finds nothing, and every row is found by its own vector. One index is there at a time, so that it
# is clear which one answers; the order of dropping is that of methods.
sub quiet_and_sound
{
	my ($node, $table, $label, @indexes) = @_;
	# A row that died a moment ago may have to stay: for a snapshot of autovacuum's, say. Then again.
	foreach (1 .. 100)
	{
		$node->safe_psql('postgres', "VACUUM $table");
		last if $node->safe_psql('postgres', "SELECT vecx_check_index('${table}_$indexes[0]{name}') = count(*) FROM $table") eq 't';
		sleep 0.1;
	}
	my $rows = $node->safe_psql('postgres', "SELECT count(*) FROM $table");
	my $expected = $node->safe_psql('postgres', "SET enable_indexscan = off; SELECT count(*), count(*), sum(id) FROM $table");
	cmp_ok($rows, '>', 100, "$label: there are rows to look at ($rows)");
	foreach my $method (@indexes)
	{
		my $index = "${table}_$method->{name}";
		my $others = join ',', map { "'${table}_$_->{name}'" } grep { $_ != $method } @indexes;
		# Out of sight: an invalid index is kept up to date, but not used by the planner.
		my $hide = $others ? "UPDATE pg_index SET indisvalid = (indexrelid = '$index'::regclass) WHERE indexrelid::regclass::text IN ($others, '$index');" : '';
		$node->safe_psql('postgres', $hide) if $hide;
		is($node->safe_psql('postgres', "SELECT vecx_check_index('$index', true)"), $rows, "$label: $index is sound, has every living row and no dead one");
		is(whole_scan($node, $table, $method), $expected, "$label: a scan of the whole of $index returns each row once");
		my @lost = split /\n/, found_by_own_vector($node, $table, $method);
		is(scalar(@lost), 0, "$label: $index finds every row by its own vector")
		  or diag(join ', ', @lost[0 .. ($#lost < 9 ? $#lost : 9)]);
		$node->safe_psql('postgres', "UPDATE pg_index SET indisvalid = true WHERE indexrelid::regclass::text IN ($others)") if $others;
	}
	return;
}

# What must not be in a server's log: leaks that it warns of, failed assertions, crashes, deadlocks, damage.
sub clean_log
{
	my ($node, $label) = @_;
	my @bad = grep { /TRAP:|PANIC:|terminated by signal|deadlock detected/
		  || /WARNING:.*(leak|refcount|still (active|referenced)|buffer|snapshot|file|lock)/
		  || /ERROR:.*(is corrupted|lost or doubled|unexpected|could not open relation)|FATAL:.*assert/ } split /\n/, slurp_file($node->logfile);
	is(join("\n", @bad[0 .. ($#bad < 9 ? $#bad : 9)]), '', "$label: no leak, failed assertion, crash, deadlock or damage in the log");
	return;
}

1;
