# Several sessions insert, delete, search and vacuum at once; nothing is lost and the graph stays sound.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $node = new_node('concurrency');
my @classes = grep { "$_->{type}_$_->{metric}" =~ /^(vector_l2|sparsevec_cosine)$/ } opclasses();
create_points($node, 0);
create_indexes($node, \@classes);
$node->safe_psql('postgres', 'CREATE SEQUENCE ids; CREATE TABLE large (id int, v vector(6000));
	CREATE INDEX ON large USING hnsw (v vector_l2_ops)');

my $values = points_columns('s.i');
my $insert = "INSERT INTO points SELECT s.i, $values FROM (SELECT nextval('ids')::int AS i) s;";
$node->pgbench('--no-vacuum --client=4 --transactions=150', 0, [qr/processed: 600\/600/], [qr/^$/], 'inserts from an empty index on',
	{ '006_first' => $insert });
is($node->safe_psql('postgres', 'SELECT count(*) FROM points'), '600', 'all rows are in the table');
foreach my $class (@classes)
{
	cmp_ok(recall($node, $class, 10), '>=', 0.95, "recall of $class->{type} $class->{metric} after concurrent inserts");
}
is(check_indexes($node), scalar(@classes) + 1, 'indexes are sound after concurrent inserts');

$node->pgbench(
	'--no-vacuum --client=4 --transactions=100',
	0,
	[qr/processed: 400\/400/],
	[qr/^$/],
	'inserts, deletes, searches and VACUUM at once',
	{
		'006_insert@4' => $insert,
		'006_large@2' => "INSERT INTO large SELECT id, array_fill(id, ARRAY[6000])::vector FROM (SELECT nextval('ids')::int AS id) s;",
		'006_delete@2' => "DELETE FROM points WHERE id IN (SELECT id FROM points ORDER BY random() LIMIT 5 FOR UPDATE SKIP LOCKED);",
		'006_delete_large@1' => "DELETE FROM large WHERE id IN (SELECT id FROM large ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED);",
		'006_search@4' => "SET enable_seqscan = off; SELECT id FROM points ORDER BY c_vector <-> (SELECT c_vector FROM queries ORDER BY random() LIMIT 1) LIMIT 50;",
		'006_vacuum@1' => 'VACUUM (TRUNCATE false) points; VACUUM (TRUNCATE false) large;',
	});
$node->safe_psql('postgres', 'VACUUM points; ');
$node->safe_psql('postgres', 'VACUUM large;');
is(check_indexes($node), scalar(@classes) + 1, 'indexes are sound after all of it');
foreach my $class (@classes)
{
	cmp_ok(recall($node, $class, 10), '>=', 0.95, "recall of $class->{type} $class->{metric} after all of it");
	is( $node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(DISTINCT id) = (SELECT count(*) FROM points WHERE id > 0) FROM
			(SELECT id FROM points ORDER BY $class->{column} $class->{op} (SELECT $class->{column} FROM queries WHERE id = -1)) s"),
		't', "$class->{type} $class->{metric} returns every row");
}
is( $node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(DISTINCT id) = (SELECT count(*) FROM large WHERE id > 0) FROM
		(SELECT id FROM large ORDER BY v <-> array_fill(0, ARRAY[6000])::vector) s"),
	't', 'vectors of several pages: every row is returned');

finish($node);
