# Pages of ivf and ivfflat that VACUUM frees while a standby's query may still read them. Nothing is deleted, so the table's own
# VACUUM is in nobody's way: what makes replay wait for the query, or cancels it, is what the index has logged before the first
# such page changes. Without that the query would meet pages that hold something else.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use Test::More;
use Time::HiRes qw(sleep time);

my $primary = new_node('primary', init => { allows_streaming => 1 }, conf => "wal_consistency_checking = 'all'\nwal_keep_size = 1GB\n");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = off\nmax_standby_streaming_delay = -1\n");
$standby->start;
my %indexes = (ivf => 'ivf (v vector_l2_ops) WITH (quantizer = rabitq)', ivfflat => 'ivfflat (v vector_l2_ops)');

sub insert
{
	my ($table, $from, $count) = @_;
	return "INSERT INTO $table SELECT i, (SELECT array_agg(hashint8extended(i % 13, j) % 60 + hashint8extended(i, j) % 40) FROM generate_series(1, 24) j)::int[]::vector
		FROM generate_series($from, $from + $count - 1) i;";
}
my $near = 'array_fill(1, ARRAY[24])::vector';

# A session on the standby that has begun to read an index.
sub begin_scan
{
	my ($table) = @_;
	my %s = (in => '', out => '', err => '');
	$s{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $standby->connstr('postgres') ], '<', \$s{in}, '>', \$s{out}, '2>', \$s{err});
	$s{in} = "SET enable_seqscan = off; SET enable_sort = off; BEGIN ISOLATION LEVEL REPEATABLE READ;
		DECLARE c CURSOR FOR SELECT id FROM $table ORDER BY v <-> $near; FETCH 3 FROM c;\n\\echo begun\n";
	$s{run}->pump until $s{out} =~ /begun/ || !$s{run}->pumpable;
	die "no scan: $s{err}" if $s{out} !~ /begun/;
	return \%s;
}

# Lists are split, their pages retired, freed, and used again. Returns where the log ends then.
sub recycle
{
	my ($table, $from) = @_;
	my $next = 'SELECT pg_current_xact_id();';
	$primary->safe_psql('postgres', "VACUUM $table; $next VACUUM $table; $next VACUUM $table; $next" . insert($table, $from, 1000));
	return $primary->safe_psql('postgres', 'SELECT pg_current_wal_flush_lsn()');
}

sub replayed { my ($lsn) = @_; return $standby->safe_psql('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'") eq 't'; }

foreach my $am (sort keys %indexes)
{
	# The lists come with the first VACUUM.
	$primary->safe_psql('postgres', "CREATE TABLE $am (id bigint PRIMARY KEY, v vector(24)); CREATE INDEX i_$am ON $am USING $indexes{$am};" . insert($am, 1, 4000));
	$primary->safe_psql('postgres', 'SELECT pg_current_xact_id()');
	$primary->wait_for_catchup($standby);
	my $scan = begin_scan($am);
	my $lsn = recycle($am, 10001);
	ok($standby->poll_query_until('postgres', "SELECT pg_last_wal_receive_lsn() >= '$lsn'"), "$am: the standby has the log");
	sleep 1;
	ok(!replayed($lsn), "$am: it is not replayed while a query needs what it changes");
	$scan->{in} .= "FETCH ALL FROM c; COMMIT;\n\\q\n";
	$scan->{run}->finish;
	is($scan->{err}, '', "$am: the query meets no error");
	my @rows = grep { /^\d+$/ } split /\n/, $scan->{out};
	my %different = map { $_ => 1 } @rows;
	is(@rows . ' ' . keys %different, '4000 4000', "$am: and returns the rows of its snapshot, each once");
	$primary->wait_for_catchup($standby);

	# Replay that does not wait: the query is cancelled.
	$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 100ms\n");
	$standby->reload;
	$primary->safe_psql('postgres', insert($am, 20001, 9000));
	$primary->safe_psql('postgres', 'SELECT pg_current_xact_id()');
	$primary->wait_for_catchup($standby);
	# Of what kind is a matter of which comes first: what VACUUM removed, or a page that the cursor stands on.
	my $conflicts = 'SELECT confl_snapshot + confl_bufferpin FROM pg_stat_database_conflicts WHERE datname = current_database()';
	my $before = $standby->safe_psql('postgres', $conflicts);
	$scan = begin_scan($am);
	recycle($am, 40001);
	$primary->wait_for_catchup($standby);
	$scan->{in} .= "FETCH ALL FROM c; COMMIT;\n\\q\n";
	eval { $scan->{run}->finish }; # its connection may be gone
	like($scan->{err}, qr/conflict with recovery/, "$am: a query that replay does not wait for is cancelled");
	$standby->poll_query_until('postgres', "SELECT ($conflicts) > $before") or die 'no conflict was counted';
	is($standby->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; SELECT count(DISTINCT id) FROM (SELECT id FROM $am ORDER BY v <-> $near OFFSET 0) s"),
		15000, "$am: and run again it is right");
	$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = -1\n");
	$standby->reload;
}
unlike(slurp_log($standby), qr/PANIC|inconsistent page/, 'the standby found no page that differs');
finish($standby, $primary);

sub slurp_log { my ($node) = @_; return PostgreSQL::Test::Utils::slurp_file($node->logfile); }
