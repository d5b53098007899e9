# What the TAP tests of vecx share: nodes, data and recall.
package VecxTest;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_node create_points points_columns opclasses create_indexes recall check_indexes finish);

# Type, metric, column, ORDER BY operator of every operator class.
sub opclasses
{
	my @all;
	my %operator = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>', hamming => '<~>', jaccard => '<%>');
	foreach my $type (qw(vector halfvec bf16vec int8vec sparsevec))
	{
		push @all, { type => $type, metric => $_, column => "c_$type", op => $operator{$_} }
		  foreach (qw(l2 ip cosine l1));
	}
	push @all, { type => 'bit', metric => $_, column => 'c_bit', op => $operator{$_} } foreach (qw(hamming jaccard));
	return @all;
}

# A started node with the extension. The settings make tests quick, not different.
sub new_node
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $version = `postgres --version`;
	my @init = $version =~ /\) (\d+)/ && $1 >= 18 ? (extra => ['--no-data-checksums']) : ();
	$node->init(@init, %{ $params{init} // {} });
	$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\nmax_parallel_workers_per_gather = 0\n");
	$node->append_conf('postgresql.conf', $params{conf}) if $params{conf};
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION vecx');
	return $node;
}

# The expressions that make the columns of row `i`: 16 small integers, the same numbers in every type, so that
# no type rounds them, and as bits in a unary code of 8 bits each (random bits would have no near neighbours).
# hashint8extended gives the same numbers everywhere.
sub points_columns
{
	my ($i) = @_;
	my $vector = "ARRAY(SELECT (hashint8extended($i, j) % 50)::int FROM generate_series(1, 16) j)::vector(16)";
	my $bits = "(SELECT string_agg(rpad(repeat('1', ((hashint8extended($i, j) % 50)::int + 50) * 8 / 100), 8, '0'), '' ORDER BY j)
		FROM generate_series(1, 16) j)::bit(128)";
	return "$vector, ${vector}::halfvec(16), ${vector}::bf16vec(16), ${vector}::int8vec(16), ${vector}::sparsevec(16), $bits";
}

# Table `points` with one column of each type, and table `queries` with 20 rows of the same.
sub create_points
{
	my ($node, $rows) = @_;
	my $columns = 'id int PRIMARY KEY, c_vector vector(16), c_halfvec halfvec(16), c_bf16vec bf16vec(16), '
	  . 'c_int8vec int8vec(16), c_sparsevec sparsevec(16), c_bit bit(128)';
	my $values = points_columns('i');
	$node->safe_psql('postgres', "CREATE TABLE points ($columns); CREATE TABLE queries ($columns);
		INSERT INTO points SELECT i, $values FROM generate_series(1, $rows) i;
		INSERT INTO queries SELECT i, $values FROM generate_series(-20, -1) i;
		ANALYZE points;");
	# Recall at k against the exact answer, counting distances and not rows, for equal distances are equally right.
	$node->safe_psql('postgres', q{
		CREATE FUNCTION recall(col text, op text, k int) RETURNS float8 LANGUAGE plpgsql AS $$
		DECLARE
			q text;
			exact float8[];
			found float8[];
			hits int := 0;
			wanted int := 0;
			body text;
		BEGIN
			FOR q IN EXECUTE format('SELECT %I::text FROM queries ORDER BY id', col) LOOP
				body := format('SELECT array_agg(d) FROM (SELECT %I %s %L AS d FROM points ORDER BY %I %s %L LIMIT %s) s',
					col, op, q, col, op, q, k);
				PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true);
				EXECUTE body INTO exact;
				PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true);
				EXECUTE body INTO found;
				wanted := wanted + cardinality(exact);
				hits := hits + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[cardinality(exact)]);
			END LOOP;
			RETURN hits::float8 / wanted;
		END $$});
	return;
}

# An index of every class given: with the class's own access method (hnsw where it names none) and options, else with those given.
sub create_indexes
{
	my ($node, $classes, $options) = @_;
	my $sql = '';
	for my $class (@$classes)
	{
		my $am = $class->{am} // 'hnsw';
		my $with = $class->{with} // $options;
		$with = $with ? " WITH ($with)" : '';
		$sql .= "CREATE INDEX i_$class->{type}_$class->{metric} ON points USING $am ($class->{column} $class->{type}_$class->{metric}_ops)$with;";
	}
	$node->safe_psql('postgres', $sql);
	return;
}

sub recall
{
	my ($node, $class, $k) = @_;
	return $node->safe_psql('postgres', "SELECT recall('$class->{column}', '$class->{op}', $k)");
}

# Runs the checker on every index of points; dies where it finds damage. Returns the number of indexes.
sub check_indexes
{
	my ($node) = @_;
	return $node->safe_psql('postgres', q{
		SELECT count(vecx_check_index(i.indexrelid)) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_am a ON a.oid = c.relam WHERE a.amname IN ('hnsw', 'ivf', 'ivfflat') AND c.relkind = 'i'});
}

# The end of every test: every index of every database of these nodes is sound and has every row of its table; then they
# are stopped. On a standby, indexes of unlogged tables have no pages.
sub finish
{
	my (@nodes) = @_;
	foreach my $node (@nodes)
	{
		my $standby = $node->safe_psql('postgres', 'SELECT pg_is_in_recovery()') eq 't';
		my ($checked, @wrong) = (0);
		foreach my $database (split /\n/, $node->safe_psql('postgres', 'SELECT datname FROM pg_database WHERE datallowconn'))
		{
			my $schema = $node->safe_psql($database, "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'vecx'") || next;
			my $logged = $standby ? "AND c.relpersistence = 'p'" : "AND c.relpersistence <> 't'";
			foreach my $index (split /\n/, $node->safe_psql($database, "SELECT c.oid::regclass FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
				JOIN pg_am a ON a.oid = c.relam JOIN pg_proc p ON p.oid = a.amhandler WHERE p.probin LIKE '%/vecx' AND c.relkind = 'i' AND i.indisvalid $logged"))
			{
				my ($rc, $out, $err) = $node->psql($database, "SELECT $schema.vecx_check_index(:'index', true)", on_error_stop => 1, extra_params => [ '-v', "index=$index" ]);
				push @wrong, $err if $rc != 0;
				$checked++;
			}
		}
		is(join("\n", @wrong), '', 'at the end, ' . $node->name . ": $checked indexes are sound and have every row");
		$node->stop;
	}
	done_testing();
	return;
}

1;
