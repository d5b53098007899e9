# Recall has a floor, for every type and metric, in every layout that these can have, in every stage of an index's life.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

# What each layout reaches at the default ef_search on 16 random small whole numbers, less some hundredths:
# `compact` reaches 0.955 under inner product.
my %floor = (plain => 0.95, inline => 0.95, compact => 0.92);
my $node = new_node('recall');
my $values = points_columns('i');
create_points($node, 0);
my @classes;
my $layout;

sub recall_is_kept
{
	my ($stage) = @_;
	foreach my $class (@classes)
	{
		my $recall = recall($node, $class, 10);
		cmp_ok($recall, '>=', $floor{$layout}, "$class->{type} $class->{metric}, $layout, after $stage");
	}
	is(check_indexes($node), scalar @classes, "$layout: all indexes are sound after $stage");
	return;
}

sub insert
{
	my ($first, $last) = @_;
	$node->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series($first, $last) i");
	return;
}

foreach (qw(plain inline compact))
{
	$layout = $_;
	# RaBitQ's codes, and the layouts that are made for them, need an inner product of dense vectors: README.md, "Indexes".
	@classes = grep { $layout eq 'plain' || ($_->{type} !~ /^(sparsevec|bit)$/ && $_->{metric} ne 'l1') } opclasses();
	$node->safe_psql('postgres', 'TRUNCATE points');
	insert(1, 1500);
	$node->safe_psql('postgres', 'ANALYZE points');
	create_indexes($node, \@classes, "layout = $layout");
	is( $node->safe_psql('postgres', q{SELECT string_agg(DISTINCT f.layout, ' ') FROM pg_class c, vecx_index_info(c.oid) f WHERE relname ~ '^i_'}),
		$layout, "$layout: so the indexes are");
	recall_is_kept('build');

	insert(1501, 2000);
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
		insert($first, $first + 174);
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
			"$count|$count", "$class->{type} $class->{metric}, $layout, returns every row once");
	}

	$node->stop('immediate');
	$node->start;
	recall_is_kept('crash');

	$node->safe_psql('postgres', 'REINDEX TABLE CONCURRENTLY points');
	recall_is_kept('reindex');

	# From nothing, one row after the other.
	$node->safe_psql('postgres', 'TRUNCATE points');
	insert(1, 1500);
	recall_is_kept('growth');
	$node->safe_psql('postgres', join('', map { "DROP INDEX i_$_->{type}_$_->{metric};" } @classes));
}

finish($node);
