# An index gives the same answers after a restart and after a crash, and takes inserts and VACUUM after both.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('restart', conf => "wal_consistency_checking = 'all'\n");
my $values = points_columns('i');
my $answer_sql = "SET enable_seqscan = off;
	SELECT array_agg(id) FROM (SELECT p.id FROM queries q CROSS JOIN LATERAL
		(SELECT id FROM points ORDER BY c_vector <-> q.c_vector LIMIT 10) p) s;
	SELECT array_agg(id) FROM (SELECT p.id FROM queries q CROSS JOIN LATERAL
		(SELECT id FROM points ORDER BY c_bit <~> q.c_bit LIMIT 10) p) s;";
my @classes = grep { "$_->{type}_$_->{metric}" =~ /^(vector_l2|bit_hamming|sparsevec_cosine)$/ } opclasses();

create_points($node, 1000);
create_indexes($node, \@classes);
$node->safe_psql('postgres', "CREATE UNLOGGED TABLE forgotten (v vector(3));
	CREATE INDEX ON forgotten USING hnsw (v vector_l2_ops);
	INSERT INTO forgotten SELECT ARRAY[i, i, i]::vector FROM generate_series(1, 100) i");

my $before = $node->safe_psql('postgres', $answer_sql);
$node->restart;
is($node->safe_psql('postgres', $answer_sql), $before, 'same answers after a restart');
is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM forgotten ORDER BY v <-> '[1,1,1]') s"),
	'100', 'an unlogged index survives a restart');

$node->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(1001, 1200) i;
	DELETE FROM points WHERE id % 5 = 0");
$node->safe_psql('postgres', 'VACUUM points');
$node->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(2001, 2100) i");
$before = $node->safe_psql('postgres', $answer_sql);
$node->stop('immediate');
$node->start;
is($node->safe_psql('postgres', $answer_sql), $before, 'same answers after a crash');
is(check_indexes($node), scalar(@classes) + 1, 'indexes are sound after a crash');
is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM (SELECT 1 FROM forgotten ORDER BY v <-> '[1,1,1]') s"),
	'0', 'an unlogged index is empty after a crash');

$node->safe_psql('postgres', "INSERT INTO forgotten VALUES ('[1,2,3]');
	INSERT INTO points SELECT i, $values FROM generate_series(3001, 3100) i; DELETE FROM points WHERE id % 5 = 1");
is($node->safe_psql('postgres', "SET enable_seqscan = off; SELECT v FROM forgotten ORDER BY v <-> '[1,1,1]'"),
	'[1,2,3]', 'an unlogged index takes inserts after a crash');
$node->safe_psql('postgres', 'VACUUM points');
cmp_ok(recall($node, $_, 10), '>=', 0.95, "recall of $_->{type} $_->{metric} after recovery, inserts and vacuum") foreach (@classes);

# A crash in the middle of a transaction: what it had written is in the index, and nobody sees it.
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM points');
my $work = "BEGIN; INSERT INTO points SELECT i, $values FROM generate_series(4001, 4100) i; SELECT pg_sleep(600);";
my $output = '';
my $session = IPC::Run::start([ 'psql', '-X', '-d', $node->connstr('postgres'), '-c', $work ], '>&', \$output);
$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
  or die 'the transaction does not start';
$node->safe_psql('postgres', 'CHECKPOINT');
$node->stop('immediate');
$session->finish;
$node->start;
is( $node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(*) FROM
		(SELECT 1 FROM points ORDER BY c_vector <-> (SELECT c_vector FROM queries WHERE id = -1)) s"),
	$count, 'an insert that a crash cut off is not seen');
cmp_ok($node->safe_psql('postgres', "SELECT vecx_check_index('i_vector_l2')"), '>=', $count + 100, 'but it is in the index');
$node->safe_psql('postgres', 'VACUUM points');
is($node->safe_psql('postgres', "SELECT vecx_check_index('i_vector_l2')"), $count, 'until VACUUM');
is(check_indexes($node), scalar(@classes) + 1, 'indexes are sound after it');

# CREATE INDEX CONCURRENTLY asks VACUUM's function for all heap TIDs; that must not write to the index. Its build
# logs pages as a whole, so no generic WAL record may appear, and with one row inserted there are some.
sub generic_records
{
	my ($sql) = @_;
	my $start = $node->safe_psql('postgres', 'SELECT pg_switch_wal(); SELECT pg_current_wal_lsn()');
	$start =~ s/.*\n//s;
	$node->safe_psql('postgres', $sql);
	my $end = $node->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
	my ($out, $err) = run_command([ 'pg_waldump', '-p', $node->data_dir . '/pg_wal', '-s', $start, '-e', $end, '-r', 'Generic' ]);
	return scalar(() = $out =~ /rmgr: Generic/g);
}
is(generic_records('CREATE INDEX CONCURRENTLY again ON points USING hnsw (c_vector vector_l2_ops)'), 0,
	'CREATE INDEX CONCURRENTLY changes no page after its build');
cmp_ok(generic_records("INSERT INTO points SELECT i, $values FROM generate_series(5001, 5001) i"), '>', 0, 'an insert does');

# The map of free space is not logged. What VACUUM freed shortly before a crash, the next VACUUM finds again.
$node->safe_psql('postgres', "CREATE TABLE freed (id int, v vector(200));
	CREATE INDEX freed_v ON freed USING hnsw (v vector_l2_ops);
	INSERT INTO freed SELECT i, array_fill(i, ARRAY[200])::vector FROM generate_series(1, 300) i;
	CHECKPOINT; DELETE FROM freed");
$node->safe_psql('postgres', 'VACUUM freed');
$node->stop('immediate');
$node->start;
my $pages = $node->safe_psql('postgres', "INSERT INTO freed SELECT i, array_fill(i, ARRAY[200])::vector FROM generate_series(1, 3) i;
	DELETE FROM freed; SELECT pages FROM vecx_index_info('freed_v')");
$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP ON) freed');
$node->safe_psql('postgres', "INSERT INTO freed SELECT i, array_fill(i, ARRAY[200])::vector FROM generate_series(1, 250) i");
cmp_ok($node->safe_psql('postgres', "SELECT pages FROM vecx_index_info('freed_v')"), '<=', 1.1 * $pages, 'space freed before a crash is used');

finish($node);
