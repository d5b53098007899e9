# A build of layout plain that outgrows maintenance_work_mem says so, goes on, and ends with as good an index. (009 has the others.)
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $node = new_node('low_memory', conf => "wal_consistency_checking = 'all'\n");
my @classes = grep { "$_->{type}_$_->{metric}" =~ /^(vector_l2|sparsevec_ip|bit_hamming)$/ } opclasses();
create_points($node, 4000);

foreach my $class (@classes)
{
	my $name = "$class->{type}_$class->{metric}";
	my $create = "CREATE INDEX i_$name ON points USING hnsw ($class->{column} ${name}_ops) WITH (layout = plain)";
	my ($rc, $out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '1MB'; $create");
	is($rc, 0, "$name: a build with little memory succeeds");
	like($err, qr/NOTICE:  hnsw graph no longer fits into maintenance_work_mem after \d+ tuples/, "$name: it says so");
	like($err, qr/HINT:  Increase maintenance_work_mem to speed up builds\./, "$name: and what to do");
	my $small = recall($node, $class, 10);
	is( $node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(DISTINCT id) FROM (SELECT id FROM points
			ORDER BY $class->{column} $class->{op} (SELECT $class->{column} FROM queries WHERE id = -1)) s"),
		'4000', "$name: every row is in it");
	is(check_indexes($node), 1, "$name: it is sound");

	# What was written without WAL is logged at the end: a crash loses nothing.
	$node->stop('immediate');
	$node->start;
	is(recall($node, $class, 10), $small, "$name: the same after a crash");

	($rc, $out, $err) = $node->psql('postgres', "DROP INDEX i_$name; SET maintenance_work_mem = '64MB'; $create");
	unlike($err, qr/no longer fits/, "$name: no notice with enough memory");
	my $large = recall($node, $class, 10);
	cmp_ok($small, '>=', 0.95, "$name: recall with little memory");
	cmp_ok($small, '>=', $large - 0.02, "$name: recall is no worse than with enough memory");
	$node->safe_psql('postgres', "DROP INDEX i_$name");
}

finish($node);
