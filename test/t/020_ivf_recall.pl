# ivf and ivfflat: recall has a floor, for every type and metric and in every stage of an index's life.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $floor = 0.95;
my $values = points_columns('i');
my @nodes;

# Points without any structure, for which lists are of little use: more than half of them have to be looked at.
foreach my $kind ([ 'ivf', 'rabitq' ], [ 'ivf', 'sq8' ], [ 'ivf', 'pq' ], ['ivfflat'])
{
	my ($am, $quantizer) = @$kind;
	my $node = new_node(join('_', @$kind), conf => "ivf.probes = 45\nivfflat.probes = 50\n");
	my @classes = grep { $_->{type} ne 'sparsevec' && $_->{metric} ne 'jaccard' } opclasses();
	# Types and metrics that have no codes are tested with one of the quantizers.
	my $coded = sub { $_[0]->{type} ne 'bit' && $_[0]->{metric} =~ /^(l2|ip|cosine)$/ };
	@classes = grep { $coded->($_) } @classes if ($quantizer // 'rabitq') ne 'rabitq';
	foreach my $class (@classes)
	{
		$class->{am} = $am;
		$class->{with} = "quantizer = $quantizer" if $quantizer && $coded->($class);
	}
	my $name = join(' with ', @$kind);

	my $recall_is_kept = sub {
		my ($stage) = @_;
		foreach my $class (@classes)
		{
			my $recall = recall($node, $class, 10);
			cmp_ok($recall, '>=', $floor, "$name of $class->{type} $class->{metric} after $stage");
		}
		is(check_indexes($node), scalar @classes, "all indexes of $name are sound after $stage");
	};

	create_points($node, 1500);
	create_indexes($node, \@classes);
	$recall_is_kept->('build');

	$node->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(1501, 2000) i");
	$recall_is_kept->('insert');

	$node->safe_psql('postgres', 'DELETE FROM points WHERE id % 10 < 3');
	$node->safe_psql('postgres', 'VACUUM points');
	$recall_is_kept->('vacuum');

	foreach my $round (0 .. 3)
	{
		$node->safe_psql('postgres', "DELETE FROM points WHERE id % 8 = $round");
		$node->safe_psql('postgres', 'VACUUM points');
		my $first = 10000 * ($round + 1);
		$node->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series($first, $first + 174) i");
	}
	$recall_is_kept->('churn');

	$node->restart;
	$recall_is_kept->('restart');

	# Every row that is there comes out of each index once.
	my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM points');
	foreach my $class (@classes)
	{
		is( $node->safe_psql(
				'postgres', "SET enable_seqscan = off;
				SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM points
					ORDER BY $class->{column} $class->{op} (SELECT $class->{column} FROM queries WHERE id = -1)) s"),
			"$count|$count", "$name of $class->{type} $class->{metric} returns every row once");
	}
	push @nodes, $node;
}

# Automatic lists and probes on points that lie in clusters.
my $node = new_node('auto');
$node->safe_psql('postgres', q{
	CREATE TABLE centres AS SELECT c, ARRAY(SELECT (hashint8extended(c, j) % 1000)::int FROM generate_series(1, 16) j) AS x FROM generate_series(1, 200) c;
	CREATE TABLE points (id int, c_vector vector(16));
	INSERT INTO points SELECT i, ARRAY(SELECT x[j] + (hashint8extended(i, j) % 300)::int FROM generate_series(1, 16) j)::vector
		FROM generate_series(1, 20000) i JOIN centres ON c = 1 + abs(hashint8extended(i, 0)) % 200;
	CREATE INDEX i ON points USING ivf (c_vector vector_l2_ops);
	CREATE FUNCTION found(q vector) RETURNS int LANGUAGE plpgsql AS $$
	DECLARE
		exact float8;
		hits int;
	BEGIN
		SET LOCAL enable_indexscan = off;
		SELECT max(d) INTO exact FROM (SELECT c_vector <-> q AS d FROM points ORDER BY c_vector <-> q LIMIT 10) s;
		SET LOCAL enable_indexscan = on;
		SET LOCAL enable_seqscan = off;
		SELECT count(*) INTO hits FROM (SELECT c_vector <-> q AS d FROM points ORDER BY c_vector <-> q LIMIT 10) s WHERE d <= exact;
		SET LOCAL enable_seqscan = on;
		RETURN hits;
	END $$});
my $recall = $node->safe_psql('postgres', q{SELECT avg(found(c_vector)) / 10 FROM (SELECT c_vector FROM points WHERE id % 400 = 1) s});
cmp_ok($recall, '>=', 0.93, 'automatic probes reach what they aim at');
cmp_ok($node->safe_psql('postgres', "SELECT auto_probes::float8 / lists FROM vecx_index_info('i')"), '<', 0.2, 'without looking at everything');
finish(@nodes, $node);
