# A standby that replays the WAL of builds, inserts and VACUUM, with every page compared on the way, gives the
# answers of the primary, and carries on when it is promoted.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $primary = new_node('primary', init => { allows_streaming => 1 }, conf => "wal_consistency_checking = 'all'\nwal_keep_size = 1GB\n");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $values = points_columns('i');
my @classes = grep { "$_->{type}_$_->{metric}" =~ /^(vector_l2|halfvec_cosine|int8vec_ip|sparsevec_l1|bit_jaccard)$/ } opclasses();

sub same_answers
{
	my ($stage) = @_;
	$primary->wait_for_catchup($standby);
	foreach my $class (@classes)
	{
		my $sql = "SET enable_seqscan = off; SELECT array_agg(id) FROM (SELECT p.id FROM queries q CROSS JOIN LATERAL
			(SELECT id FROM points ORDER BY $class->{column} $class->{op} q.$class->{column} LIMIT 100) p) s";
		my $expected = $primary->safe_psql('postgres', $sql);
		isnt($expected, '', "the primary finds rows by $class->{type} $class->{metric}");
		is($standby->safe_psql('postgres', $sql), $expected, "$class->{type} $class->{metric} after $stage");
	}
	is(check_indexes($standby), scalar @classes, "indexes of the standby are sound after $stage");
	return;
}

create_points($primary, 600);
create_indexes($primary, \@classes);
same_answers('build');

$primary->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(601, 900) i");
same_answers('insert');

$primary->safe_psql('postgres', 'DELETE FROM points WHERE id % 3 = 0');
$primary->safe_psql('postgres', 'VACUUM points');
same_answers('vacuum');

$primary->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(901, 1100) i;
	UPDATE points SET c_vector = c_vector + c_vector WHERE id % 4 = 0");
same_answers('reuse of freed space');

# A vector of many pages goes through the log too.
$primary->safe_psql('postgres', "CREATE TABLE large (id int, v vector(16000));
	CREATE INDEX ON large USING hnsw (v vector_l2_ops);
	INSERT INTO large SELECT i, array_fill(i, ARRAY[16000])::vector FROM generate_series(1, 20) i;
	DELETE FROM large WHERE id > 15");
$primary->safe_psql('postgres', 'VACUUM large');
$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SET enable_seqscan = off;
	SELECT array_agg(id) FROM (SELECT id FROM large ORDER BY v <-> array_fill(0, ARRAY[16000])::vector) s"),
	'{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15}', 'vectors of many pages on the standby');

$standby->promote;
$standby->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(2001, 2100) i;
	DELETE FROM points WHERE id % 7 = 0");
$standby->safe_psql('postgres', 'VACUUM points');
cmp_ok(recall($standby, $_, 10), '>=', 0.95, "recall of $_->{type} $_->{metric} after promotion") foreach (@classes);
is(check_indexes($standby), scalar(@classes) + 1, 'indexes are sound after promotion');

finish($standby, $primary);
