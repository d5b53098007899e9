# Recall has a floor, for every type and metric and in every stage of an index's life.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $floor = 0.95;
my $node = new_node('recall');
my @classes = opclasses();

sub recall_is_kept
{
	my ($stage) = @_;
	foreach my $class (@classes)
	{
		my $recall = recall($node, $class, 10);
		cmp_ok($recall, '>=', $floor, "$class->{type} $class->{metric} after $stage");
	}
	is(check_indexes($node), scalar @classes, "all indexes are sound after $stage");
	return;
}

my $values = points_columns('i');
create_points($node, 1500);
create_indexes($node, @classes);
recall_is_kept('build');

$node->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(1501, 2000) i");
recall_is_kept('insert');

$node->safe_psql('postgres', 'DELETE FROM points WHERE id % 10 < 3');
$node->safe_psql('postgres', 'VACUUM points');
recall_is_kept('vacuum');

# Half of the rows are replaced by others, in four rounds.
foreach my $round (0 .. 3)
{
	$node->safe_psql('postgres', "DELETE FROM points WHERE id % 8 = $round");
	$node->safe_psql('postgres', 'VACUUM points');
	my $first = 10000 * ($round + 1);
	$node->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series($first, $first + 174) i");
}
recall_is_kept('churn');

# Every row that is there comes out of each index once.
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM points');
foreach my $class (@classes)
{
	is( $node->safe_psql(
			'postgres', "SET enable_seqscan = off;
			SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM points
				ORDER BY $class->{column} $class->{op} (SELECT $class->{column} FROM queries WHERE id = -1)) s"),
		"$count|$count", "$class->{type} $class->{metric} returns every row once");
}

finish($node);
