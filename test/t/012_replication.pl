# Copies of a server under load, for every kind of index: a standby that compares every page it replays, with the answers
# of the primary; queries on it while VACUUM runs, which are cancelled or right; pg_basebackup in the middle of writing;
# recovery to a point in time; promotion; unlogged indexes after all of these; pg_dump and pg_restore with several jobs.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use VecxSubjects;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{VECX_NIGHTLY} ? 30 : 3; # of load each time
my $dir = PostgreSQL::Test::Utils::tempdir();
my $primary = new_node('primary', init => { allows_streaming => 1, has_archiving => 1 },
	conf => "wal_consistency_checking = 'all'\nwal_keep_size = 16GB\nmax_wal_size = 1GB\nshared_buffers = 8MB\n");
create_functions($primary);
my @subjects = subjects();
create_subject($primary, $_) foreach @subjects;
create_subject($primary, $subjects[1], table => 'forgotten', unlogged => 1);
$primary->safe_psql('postgres', 'CREATE SEQUENCE others START 100001');

my @files;
foreach my $s (@subjects)
{
	my ($t, $n) = ("t_$s->{name}", $s->{name});
	my %script = (
		insert => [ 4, fill($s, $t, "SELECT nextval('others') FROM generate_series(1, 3)") ],
		update => [ 2, "UPDATE $t SET version = $t.version + 1, v = " . value_sql($s, 'n') . " FROM
			(SELECT id, CASE WHEN id % 3 = 0 THEN id ELSE id + 5000000 END AS n FROM $t ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED) s WHERE $t.id = s.id;" ],
		delete => [ 4, "DELETE FROM $t WHERE id IN (SELECT id FROM $t ORDER BY random() LIMIT 3 FOR UPDATE SKIP LOCKED);" ],
		vacuum => [ 1, "VACUUM (TRUNCATE false) $t;" ]);
	foreach my $what (sort keys %script)
	{
		append_to_file("$dir/${what}_$n.sql", $script{$what}[1]);
		push @files, '-f', "$dir/${what}_$n.sql\@$script{$what}[0]";
	}
}

sub start_load
{
	my ($seed, $output) = @_;
	return IPC::Run::start([ 'pgbench', '--no-vacuum', '--client=3', "--time=$seconds", "--random-seed=$seed", '-d', $primary->connstr('postgres'), @files ], '>&', $output);
}

sub end_load
{
	my ($load, $output, $when) = @_;
	$load->finish;
	my @errors = grep { /ERROR|FATAL|PANIC|aborted/ && !/deadlock|duplicate key/ } split /\n/, $$output;
	is(join("\n", @errors), '', "no error of the primary while $when");
	return;
}

sub compare
{
	my ($copy, $when) = @_;
	foreach my $s (@subjects)
	{
		my $expected = whole_answers($primary, $s);
		like($expected, qr/\d,\d/, "$s->{name}: the primary gives answers");
		is(whole_answers($copy, $s), $expected, "$s->{name}: the same answers on the " . $copy->name . " $when");
	}
	is(verify_all($copy, @subjects), '', 'the ' . $copy->name . " holds all that it must $when");
	return;
}

$primary->backup('before');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'before', has_streaming => 1);
$standby->append_conf('postgresql.conf', "max_standby_streaming_delay = 100ms\nhot_standby_feedback = off\n");
$standby->start;

# Queries on the standby while the primary deletes and VACUUMs: a query that sees an old snapshot is cancelled, or its
# answer is that of this snapshot, whole. The scan takes its time, so that there are conflicts.
{
	my ($output, %seen) = ('');
	my $load = start_load(1, \$output);
	my $end = time() + $seconds;
	my @wrong;
	while (time() < $end)
	{
		foreach my $s (@subjects)
		{
			# All rows through the index, and all rows without, of one snapshot.
			my ($out, $err) = ('', '');
			my $rc = $standby->psql('postgres', "BEGIN ISOLATION LEVEL REPEATABLE READ;
				SELECT count(*), sum(hashint8(id)) FROM (SELECT id FROM t_$s->{name} OFFSET 0) s;
				SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SELECT pg_sleep(0.02);
				SELECT count(*), sum(hashint8(id)) FROM (SELECT id FROM t_$s->{name} ORDER BY v $s->{op} asked_of(7, $s->{dims})::$s->{type}) s; COMMIT",
				stdout => \$out, stderr => \$err, on_error_stop => 1);
			my ($without, $sleep, $through) = split /\n/, $out;
			if ($rc != 0 && $err =~ /conflict with recovery|recovery conflict/) { $seen{cancelled}++; }
			elsif ($rc != 0) { push @wrong, $err; }
			elsif ($without ne $through) { push @wrong, "$s->{name}: $through through the index, $without without"; }
			else { $seen{right}++; }
		}
		$load->pump_nb if $load->pumpable;
	}
	end_load($load, \$output, 'the standby is asked');
	is(join("\n", @wrong), '', 'queries on the standby are right or cancelled');
	cmp_ok($seen{right} // 0, '>', 0, 'some are right');
	note(join ', ', map { "$_ $seen{$_}" } sort keys %seen);
}
$primary->wait_for_catchup($standby);
compare($standby, 'after load');

# An old snapshot on the standby, and VACUUM of rows it still sees: certainly a conflict.
{
	my $s = $subjects[1];
	my ($in, $out, $err) = ('', '', '');
	my $session = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', $standby->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err);
	$in = "SET enable_seqscan = off; SET enable_sort = off; BEGIN ISOLATION LEVEL REPEATABLE READ; DECLARE c CURSOR FOR SELECT id FROM t_$s->{name} ORDER BY v $s->{op} asked_of(7, 24)::$s->{type}; FETCH 3 FROM c;\n\\echo fetched\n";
	$session->pump until $out =~ /fetched/;
	$primary->safe_psql('postgres', "DELETE FROM t_$s->{name} WHERE id % 2 = 0");
	$primary->safe_psql('postgres', "VACUUM t_$s->{name}");
	$primary->wait_for_catchup($standby);
	$in .= "FETCH ALL FROM c;\n\\q\n";
	$session->finish;
	like($err, qr/conflict with recovery|terminating connection/, 'a cursor that needs removed rows is cancelled');
	compare($standby, 'after the conflict');
}

# pg_basebackup while everything changes.
{
	my $output = '';
	my $load = start_load(2, \$output);
	$primary->backup('during');
	end_load($load, \$output, 'pg_basebackup runs');
	my $copy = PostgreSQL::Test::Cluster->new('copy');
	$copy->init_from_backup($primary, 'during', has_streaming => 1);
	$copy->start;
	$primary->wait_for_catchup($copy);
	compare($copy, 'from a backup under load');
	$copy->stop;
}

# Recovery to a point in time, with load before it and after.
{
	my $output = '';
	my $load = start_load(3, \$output);
	sleep $seconds / 3;
	my %at;
	# A state to be known again: rows and answers, with nobody writing meanwhile.
	end_load($load, \$output, 'archiving');
	my $contents = "SELECT string_agg(s, ' ') FROM (" . join(' UNION ALL ', map { "SELECT count(*) || '/' || sum(hashint8(id) + version::bigint * 1000003) AS s FROM t_$_->{name}" } @subjects) . ') s';
	$at{rows} = $primary->safe_psql('postgres', $contents);
	$at{ $_->{name} } = whole_answers($primary, $_) foreach @subjects;
	my $lsn = $primary->safe_psql('postgres', "SELECT pg_create_restore_point('here')");
	$output = '';
	$load = start_load(4, \$output);
	end_load($load, \$output, 'past the point');
	$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
	my $last = $primary->safe_psql('postgres', "SELECT pg_walfile_name('$lsn')");
	$primary->poll_query_until('postgres', "SELECT '$last' <= last_archived_wal FROM pg_stat_archiver") or die 'WAL is not archived';
	isnt($primary->safe_psql('postgres', $contents), $at{rows}, 'the primary has gone on');

	foreach my $target ("recovery_target_name = 'here'", "recovery_target_lsn = '$lsn'")
	{
		my $pitr = PostgreSQL::Test::Cluster->new($target =~ /name/ ? 'pitr_name' : 'pitr_lsn');
		$pitr->init_from_backup($primary, 'during', has_restoring => 1, standby => 0);
		$pitr->append_conf('postgresql.conf', "$target\nrecovery_target_action = 'promote'\n");
		$pitr->start;
		$pitr->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';
		is($pitr->safe_psql('postgres', $contents), $at{rows}, "$target: the rows of that moment");
		is(whole_answers($pitr, $_), $at{ $_->{name} }, "$target: $_->{name} gives the answers of that moment") foreach @subjects;
		is(verify_all($pitr, @subjects), '', "$target: everything holds");
		$pitr->safe_psql('postgres', "DELETE FROM t_$_->{name} WHERE id % 5 = 0; " . fill($_, "t_$_->{name}", 'SELECT generate_series(90000001, 90000020)')) foreach @subjects;
		$pitr->safe_psql('postgres', "VACUUM t_$_->{name}") foreach @subjects;
		is(verify($pitr, $_, tidy => 1), '', "$target: $_->{name} works on") foreach @subjects;
		$pitr->stop;
	}
}

# Unlogged indexes: a standby has none of their pages and says so; after promotion and after a crash they are empty, sound,
# and of use.
sub unlogged_is_new
{
	my ($server, $when) = @_;
	is($server->safe_psql('postgres', "SELECT vecx_check_index('i_forgotten', true)"), '0', "an unlogged index is empty and sound after $when");
	$server->safe_psql('postgres', fill($subjects[1], 'forgotten', 'SELECT generate_series(1, 300)'));
	is(verify($server, $subjects[1], table => 'forgotten'), '', "and takes rows after $when");
	return;
}
foreach my $function (qw(vecx_index_info vecx_index_stats vecx_check_index))
{
	my ($rc, $out, $err) = $standby->psql('postgres', "SELECT * FROM $function('i_forgotten')");
	like($err, qr/cannot access unlogged index "i_forgotten" during recovery/, "$function of an unlogged index on a standby");
}
$primary->wait_for_catchup($standby);
compare($standby, 'before promotion');

# pg_dump in directories, pg_restore with jobs, into a new database and into a new server.
{
	my $dump = "$dir/dump";
	$primary->command_ok([ 'pg_dump', '-Fd', '-j', '3', '-f', $dump, $primary->connstr('postgres') ], 'pg_dump -j');
	$primary->safe_psql('postgres', 'CREATE DATABASE restored');
	$primary->command_ok([ 'pg_restore', '-j', '3', '-d', $primary->connstr('restored'), $dump ], 'pg_restore -j');
	is(verify($primary, $_, database => 'restored'), '', "$_->{name}: everything holds after pg_restore") foreach @subjects;
	is($primary->safe_psql('restored', "SELECT string_agg(indexdef, ';' ORDER BY indexdef) FROM pg_indexes WHERE indexname LIKE 'i\\_%'"),
		$primary->safe_psql('postgres', "SELECT string_agg(indexdef, ';' ORDER BY indexdef) FROM pg_indexes WHERE indexname LIKE 'i\\_%'"), 'the same indexes');
}

$standby->promote;
unlogged_is_new($standby, 'promotion');
$standby->safe_psql('postgres', "DELETE FROM t_$_->{name} WHERE id % 5 = 0; " . fill($_, "t_$_->{name}", 'SELECT generate_series(90000001, 90000050)')) foreach @subjects;
$standby->safe_psql('postgres', "VACUUM t_$_->{name}") foreach @subjects;
is(verify($standby, $_, tidy => 1), '', "$_->{name} works on after promotion") foreach @subjects;

$primary->stop('immediate');
$primary->start;
unlogged_is_new($primary, 'a crash');
is(verify_all($primary, @subjects), '', 'the primary holds everything after a crash');
unlike(slurp_file($standby->logfile), qr/PANIC|inconsistent page/, 'the standby found no page that differs');
finish($standby, $primary);
