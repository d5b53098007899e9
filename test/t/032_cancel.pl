# Statements can be cancelled in every phase, soon: builds by one process and by several, with memory and without, inserts,
# scans, sweeps, VACUUM and the checker are cancelled at moments spread over their time, and the time from
# pg_cancel_backend to the end of the statement is measured. After all of it the indexes are sound.
# The promise is 100 ms on a quiet machine; here the limit is VECX_CANCEL_LIMIT ms (1000), for a busy one. With
# VECX_STRESS_SECONDS above 20 there are more rows and more moments.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use VecxStress;
use IPC::Run ();
use List::Util qw(max);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $long = seconds(8) > 20;
my $rows = $ENV{VECX_CANCEL_ROWS} || ($long ? 40000 : 4000);
my $moments = $long ? 25 : 5;
my $limit = $ENV{VECX_CANCEL_LIMIT} || 1000;

my $node = new_node('cancel', conf => "maintenance_work_mem = 256MB\nmin_parallel_table_scan_size = 0\nmax_wal_size = 4GB\nvacuum_cost_delay = 0\n"
	. "shared_buffers = 256MB\nlog_min_messages = warning\nlog_min_error_statement = panic\nfsync = off\n");
# v and h as the methods want them; 64 dimensions, so that every phase takes some time.
$node->safe_psql('postgres', "CREATE TABLE base (id bigint, v vector(64), h halfvec(64));
	INSERT INTO base SELECT i, x, x::halfvec(64) FROM (SELECT i, (SELECT array_agg((hashint8extended(i % 20, j) % 60 + hashint8extended(i, j) % 40)::int) FROM generate_series(1, 64) j)::vector(64) AS x
		FROM generate_series(1, $rows) i) s;
	VACUUM ANALYZE base;");
# Cancels the statements of a session that match a pattern, one after the other, each at a later moment, and measures. In a
# database of its own, so that its snapshot keeps no dead row from VACUUM.
$node->safe_psql('postgres', 'CREATE DATABASE control');
$node->safe_psql('control', q{
	CREATE FUNCTION cancel_all(app text, pattern text, moments int, whole_ms float8, OUT phase text, OUT ms float8) RETURNS SETOF record LANGUAGE plpgsql AS $$
	DECLARE
		victim int;
		last timestamptz := '-infinity';
		begun timestamptz;
		asked timestamptz;
		waited int;
	BEGIN
		FOR i IN 0 .. moments - 1 LOOP
			victim := NULL;
			waited := 0;
			WHILE victim IS NULL LOOP
				PERFORM pg_stat_clear_snapshot();
				SELECT pid, query_start INTO victim, begun FROM pg_stat_activity
					WHERE application_name = app AND backend_type = 'client backend' AND state = 'active' AND query ~ pattern AND query_start > last;
				IF victim IS NULL THEN
					PERFORM pg_sleep(0.001);
					waited := waited + 1;
					IF waited > 3000 THEN RETURN; END IF;
				END IF;
			END LOOP;
			last := begun;
			PERFORM pg_sleep(greatest(0, whole_ms * (i + 0.3) / moments / 1000 - extract(epoch FROM clock_timestamp() - begun)));
			PERFORM pg_stat_clear_snapshot();
			SELECT coalesce((SELECT p.phase FROM pg_stat_progress_create_index p WHERE p.pid = victim), (SELECT p.phase FROM pg_stat_progress_vacuum p WHERE p.pid = victim), '') INTO phase;
			asked := clock_timestamp();
			IF NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = victim AND state = 'active' AND query_start = begun) THEN CONTINUE; END IF;
			PERFORM pg_cancel_backend(victim);
			LOOP
				PERFORM pg_stat_clear_snapshot();
				EXIT WHEN NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = victim AND state = 'active' AND query_start = begun);
				PERFORM pg_sleep(0.0005);
			END LOOP;
			ms := extract(epoch FROM clock_timestamp() - asked) * 1000;
			RETURN NEXT;
		END LOOP;
	END $$});

my $dir = PostgreSQL::Test::Utils::tempdir();
my %worst;
my $scripts = 0;
my ($hit, $tried) = (0, 0);

# Runs `statement` once for its time, then some times with `before` in front of each, cancelled at moments spread over
# this time.
sub cancel_at_all_moments
{
	my ($label, $settings, $before, $statement) = @_;
	$node->safe_psql('postgres', "$settings $_") foreach split /\n/, $before;
	my $begin = time;
	$node->safe_psql('postgres', "$settings\n$statement");
	my $whole = (time - $begin) * 1000 - 40; # less what psql takes
	$whole = 10 if $whole < 10;
	# A statement that takes half a minute, as some do on a server with assertions, is not run 25 times.
	my $times = $whole * $moments > 100000 ? max(5, int(100000 / $whole)) : $moments;

	my $script = "SET application_name = victim;\n$settings\n";
	$script .= "$before\n$statement\n" foreach 1 .. $times;
	my $out = '';
	my $file = "$dir/" . ++$scripts . '.sql';
	append_to_file($file, $script);
	my $victim = IPC::Run::start([ 'psql', '-XAtq', '-f', $file, '-d', $node->connstr('postgres') ], '>&', \$out);
	my ($first) = $statement =~ /^(.{1,24})/;
	my $measured = $node->safe_psql('control', "SELECT phase, round(ms::numeric, 1) FROM cancel_all('victim', '^' || regexp_replace(\$p\$$first\$p\$, '([()*])', '.', 'g'), $times, $whole)");
	$victim->finish;
	my @lines = split /\n/, $measured;
	my $cancelled = () = $out =~ /canceling statement due to user request/g;
	$hit += $cancelled;
	$tried += $times;
	my $other = join "\n", grep { /ERROR|FATAL|PANIC/ && !/canceling statement due to user request/ } split /\n/, $out;
	is($other, '', "$label: no other error");
	# The last moments may come when the statement has ended; of a short statement, or on a busy machine, most may.
	cmp_ok($cancelled, '>=', $whole > 1000 ? 1 : 0, "$label: $cancelled of $times cancelled, of " . int($whole) . ' ms');
	my $most = 0;
	foreach (@lines)
	{
		my ($phase, $ms) = split /\|/;
		$most = $ms if $ms > $most;
		$worst{$label}{$phase} = $ms if $ms > ($worst{$label}{$phase} // 0);
	}
	cmp_ok($most, '<', $limit, "$label: at most $most ms");
	return;
}

foreach my $method (methods())
{
	my ($name, $c, $op) = @{$method}{qw(name column op)};
	my $type = $c eq 'h' ? 'halfvec(64)' : 'vector(64)';
	my $create = "CREATE INDEX cancelled ON base USING $method->{using};";
	my $drop = 'DROP INDEX IF EXISTS cancelled;';
	cancel_at_all_moments("$name: build", 'SET max_parallel_maintenance_workers = 0;', $drop, $create);
	cancel_at_all_moments("$name: parallel build", 'SET max_parallel_maintenance_workers = 2;', $drop, $create) if $name ne 'plain';
	cancel_at_all_moments("$name: build beyond memory", "SET max_parallel_maintenance_workers = 2; SET maintenance_work_mem = '1MB'; SET client_min_messages = warning;", $drop, $create);
	$node->safe_psql('postgres', $drop);

	my $t = "c_$name";
	$node->safe_psql('postgres', "CREATE TABLE $t (LIKE base); INSERT INTO $t SELECT * FROM base; ALTER TABLE $t SET (autovacuum_enabled = off);
		CREATE INDEX i_$t ON $t USING $method->{using}; ANALYZE $t; CREATE SEQUENCE s_$t START 2");
	my $q = "(SELECT $c FROM base WHERE id = 1)";
	my $all = "SELECT count(*) FROM (SELECT id FROM $t ORDER BY $c $op $q OFFSET 0) s;";
	cancel_at_all_moments("$name: scan of the whole index", settings(), '', $all);
	cancel_at_all_moments("$name: scan beyond work_mem", settings() . "SET work_mem = '64kB';", '', $all);
	cancel_at_all_moments("$name: check_index", '', '', "SELECT vecx_check_index('i_$t', true);");
	my $some = int($rows / 6);
	cancel_at_all_moments("$name: insert", '', '', "INSERT INTO $t SELECT id + 1000000, v, h FROM base WHERE id <= $some;");
	# Each time another share of the rows has died.
	cancel_at_all_moments("$name: VACUUM", '', "DELETE FROM $t WHERE id % 60 IN (SELECT nextval('s_$t') UNION SELECT currval('s_$t') + 30);", "VACUUM (TRUNCATE false) $t;");
	$node->safe_psql('postgres', "VACUUM $t");
	is($node->safe_psql('postgres', "SELECT vecx_check_index('i_$t', true) = (SELECT count(*) FROM $t)"), 't', "$name: after all that the index is sound, has every row and no dead one");

	# A timeout is the same thing by another way; ivfflat builds these rows in less than 20 ms.
	my ($rc, $out, $err) = $node->psql('postgres', "SET statement_timeout = '2ms'; $create");
	like($err, qr/canceling statement due to statement timeout/, "$name: a timeout ends a build");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'cancelled'"), '0', "$name: which leaves nothing behind");
	$node->safe_psql('postgres', "DROP TABLE $t");
}
# Of short statements none may be hit on a busy machine, so all of them together.
cmp_ok($hit, '>', $tried / 10, "$hit of $tried cancelled");
# Nothing is left of the cancelled builds: neither files nor shared memory.
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_tmpdir()"), '0', 'no temporary files are left');
note('worst milliseconds from cancel to end:');
foreach my $label (sort keys %worst)
{
	note("  $label: " . join(', ', map { ($_ eq '' ? 'all' : $_) . " $worst{$label}{$_}" } sort keys %{ $worst{$label} }));
}
clean_log($node, 'cancel');
finish($node);
