# ivf and ivfflat over crashes and on a standby: builds, inserts and VACUUM go through the log, with every page compared on the
# way; the answers are the same; and the standby carries on when it is promoted.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use PostgreSQL::Test::Cluster;
use Test::More;

my $conf = "wal_consistency_checking = 'all'\nwal_keep_size = 1GB\nivf.probes = 40\nivfflat.probes = 60\n";
my $primary = new_node('primary', init => { allows_streaming => 1 }, conf => $conf);
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $values = points_columns('i');
my @classes = grep { "$_->{type}_$_->{metric}" =~ /^(vector_l2|vector_cosine|halfvec_l2|halfvec_cosine|int8vec_ip|bf16vec_l1|bit_hamming)$/ } opclasses();
foreach my $class (@classes)
{
	$class->{am} = $class->{type} eq 'bf16vec' ? 'ivfflat' : 'ivf';
	$class->{with} = {
		vector_l2 => 'quantizer = rabitq',
		vector_cosine => 'quantizer = pq',
		halfvec_l2 => 'quantizer = sq8',
		halfvec_cosine => 'quantizer = rabitq, rerank = index, bits = 7',
	}->{"$class->{type}_$class->{metric}"};
}

sub answers
{
	my ($node, $class) = @_;
	return $node->safe_psql('postgres', "SET enable_seqscan = off; SELECT array_agg(d) FROM (SELECT p.d FROM queries q CROSS JOIN LATERAL
		(SELECT c.$class->{column} $class->{op} q.$class->{column} AS d FROM points c ORDER BY c.$class->{column} $class->{op} q.$class->{column} LIMIT 100) p) s");
}

sub same_answers
{
	my ($stage) = @_;
	$primary->wait_for_catchup($standby);
	foreach my $class (@classes)
	{
		my $expected = answers($primary, $class);
		isnt($expected, '', "the primary finds rows by $class->{type} $class->{metric}");
		is(answers($standby, $class), $expected, "$class->{type} $class->{metric} after $stage");
	}
	is(check_indexes($primary), scalar @classes, "indexes of the primary are sound after $stage");
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

# Many rows of one kind: lists are split and packed.
$primary->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(2001, 4000) i");
$primary->safe_psql('postgres', 'DELETE FROM points WHERE id < 500');
$primary->safe_psql('postgres', 'VACUUM points') foreach (1 .. 3);
$primary->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(4001, 4200) i;
	UPDATE points SET c_vector = c_vector + c_vector WHERE id % 4 = 0");
same_answers('reuse of freed space');

# A crash, with rows of a transaction that nobody will see.
$primary->safe_psql('postgres', "CREATE UNLOGGED TABLE forgotten (v vector(3));
	CREATE INDEX ON forgotten USING ivf (v vector_l2_ops); INSERT INTO forgotten SELECT ARRAY[i, i, i]::vector FROM generate_series(1, 100) i;
	INSERT INTO points SELECT i, $values FROM generate_series(5001, 5300) i");
my %before = map { ("$_->{type}_$_->{metric}" => answers($primary, $_)) } @classes;
$primary->stop('immediate');
$primary->start;
is(answers($primary, $_), $before{"$_->{type}_$_->{metric}"}, "$_->{type} $_->{metric} after a crash") foreach (@classes);
is(check_indexes($primary), scalar(@classes) + 1, 'indexes are sound after a crash');
is($primary->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM forgotten ORDER BY v <-> '[1,1,1]') s"),
	'0', 'an unlogged index is empty after a crash');
$primary->safe_psql('postgres', "INSERT INTO forgotten VALUES ('[1,2,3]')");
is($primary->safe_psql('postgres', "SET enable_seqscan = off; SELECT v FROM forgotten ORDER BY v <-> '[1,1,1]'"),
	'[1,2,3]', 'and takes inserts');
$primary->safe_psql('postgres', 'DROP TABLE forgotten');
same_answers('a crash of the primary');

$standby->promote;
$standby->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(6001, 6100) i; DELETE FROM points WHERE id % 7 = 0");
$standby->safe_psql('postgres', 'VACUUM points');
cmp_ok(recall($standby, $_, 10), '>=', 0.9, "recall of $_->{type} $_->{metric} after promotion") foreach (@classes);
is(check_indexes($standby), scalar @classes, 'indexes are sound after promotion');

finish($standby, $primary);
