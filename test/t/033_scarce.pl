# When the disk is full or memory runs out, a statement fails with an error that says so, the server lives, and the index is
# as sound as before, or not there. Every k-th write and allocation of builds, inserts, scans and VACUUM is made to fail, by a
# library that is preloaded into the server (modules/scarce.c).
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use VecxStress;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'needs Linux with /proc and /dev/shm' unless -e '/proc/self/fd' && -d '/dev/shm';

my $dir = PostgreSQL::Test::Utils::tempdir();
my $library = "$dir/scarce.so";
my $order = "$dir/order";
system_or_bail($ENV{CC} // 'cc', '-O1', '-shared', '-fPIC', '-o', $library, "$FindBin::Bin/../modules/scarce.c", '-ldl');

# No huge allocations of the server's own while something is scarce.
my $node = PostgreSQL::Test::Cluster->new('scarce');
my $version = `postgres --version`;
$node->init($version =~ /\) (\d+)/ && $1 >= 18 ? (extra => ['--no-data-checksums']) : ());
$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\nshared_buffers = 64MB\nmin_parallel_table_scan_size = 0\nmax_wal_size = 2GB\n"
	. "max_parallel_workers_per_gather = 0\nlog_min_error_statement = panic\nfsync = off\nrestart_after_crash = on\n");
{
	local $ENV{LD_PRELOAD} = $library;
	local $ENV{VECX_SCARCE} = $order;
	$node->start;
}
$node->safe_psql('postgres', 'CREATE EXTENSION vecx');
create_functions($node);
my $born = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# Runs `sql` in one session with something scarce for this session after its preparation. Returns the error, '' for none.
sub with_scarce
{
	my ($kind, $after, $pattern, $settings, $sql) = @_;
	my $write = "\\! echo \"$kind \$PID $after $pattern\" > $order.new && mv $order.new $order";
	my $script = "$settings\nSELECT pg_backend_pid() AS pid \\gset\n\\setenv PID :pid\n$write\n$sql\n\\! rm -f $order\n";
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$script, '>', \$out, '2>', \$err);
	unlink $order;
	return $err =~ /(?:ERROR|FATAL|PANIC):\s+(.*)/ ? $1 : $err =~ /server closed|connection/ ? "gone: $err" : '';
}

my $allowed = qr/^(could not (write|extend|resize|create).*|out of memory|temporary file size exceeds.*|could not allocate.*)$/;

# As it is more and more: at first everything fails, in the end nothing. Each failure must be an honest one, and afterwards
# what must hold must hold.
sub ever_more
{
	my ($label, $kind, $pattern, $settings, $before, $sql, $holds) = @_;
	my ($failed, $succeeded, @wrong) = (0, 0);
	for (my $after = 0; $after < 100000 && $succeeded == 0; $after = int($after * 2.5) + 1)
	{
		$node->safe_psql('postgres', $before) if $before;
		my $error = with_scarce($kind, $after, $pattern, $settings, $sql);
		if ($error eq '') { $succeeded++ } else { $failed++ }
		push @wrong, "after $after: $error" if $error ne '' && $error !~ $allowed;
		my $now = $holds->($error);
		push @wrong, "after $after: $now" if $now ne '';
	}
	is(join("; ", @wrong), '', "$label: honest errors, and the index valid or absent");
	cmp_ok($failed, '>', 0, "$label: it failed $failed times");
	is($succeeded, 1, "$label: and with enough it succeeds");
	return;
}

foreach my $method (methods())
{
	my ($name, $c, $op) = @{$method}{qw(name column op)};
	my $type = $c eq 'h' ? 'halfvec(24)' : 'vector(24)';
	my $t = "t_$name";
	create_table($node, $t, 600, $method);
	my $index = "${t}_$name";
	my $sound = sub {
		my $r = $node->safe_psql('postgres', "SELECT vecx_check_index('$index', true) >= (SELECT count(*) FROM $t)");
		return $r eq 't' ? '' : "the index: $r";
	};
	my $built = sub {
		my ($error) = @_;
		my $there = $node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'b_$name'");
		return "an index is there after an error" if $error ne '' && $there ne '0';
		return '' if $error ne '';
		return $node->safe_psql('postgres', "SELECT vecx_check_index('b_$name', true) = (SELECT count(*) FROM $t)") eq 't' ? '' : 'the index is not right';
	};
	my $create = "CREATE INDEX b_$name ON $t USING $method->{using};";
	my $drop = "DROP INDEX IF EXISTS b_$name";
	my $warm = "SET client_min_messages = error; SELECT '[1]'::vector;"; # loads the library first
	my $serial = "$warm SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '64MB';";
	ever_more("$name: build, disk full", 'disk', 'base/', $serial, $drop, $create, $built);
	ever_more("$name: build, no memory", 'memory', '', $serial, $drop, $create, $built);
	ever_more("$name: build beyond memory, disk full", 'disk', 'base/', "$warm SET maintenance_work_mem = '1MB'; SET max_parallel_maintenance_workers = 0;", $drop, $create, $built);
	$node->safe_psql('postgres', $drop);
	# Lists have room for many rows, and pages that a build has left over are used first.
	my $more = $method->{using} =~ /^ivf/ ? 4000 : 150;
	my $insert = "INSERT INTO $t SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM (SELECT nextval('${t}_ids') FROM generate_series(1, $more)) s (i);";
	my $index_file = $node->safe_psql('postgres', "SELECT pg_relation_filepath('$index')");
	ever_more("$name: insert, disk full", 'disk', $index_file, $warm, '', $insert, $sound);
	ever_more("$name: insert, no memory", 'memory', '', $warm, '', $insert, $sound);
	my $deep = settings() . "SELECT count(*) FROM (SELECT id FROM $t ORDER BY $c $op coordinates(5)::$type OFFSET 0) s;";
	ever_more("$name: scan, no memory", 'memory', '', "$warm SET work_mem = '256kB';", '', $deep, $sound);
	ever_more("$name: VACUUM, no memory", 'memory', '', "$warm SET maintenance_work_mem = '4MB';", "DELETE FROM $t WHERE id IN (SELECT id FROM $t ORDER BY hashint8(id) LIMIT 20)", "VACUUM $t;", $sound);
	# A new table each time, so that VACUUM adds to files: to those of the table, and to lists, which it splits.
	my $fill = $method->{using} =~ /^ivf/ ? 1500 : 300;
	ever_more("$name: VACUUM, disk full", 'disk', 'base/', $warm, "TRUNCATE $t; INSERT INTO $t SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM generate_series(1, $fill) i;
		DELETE FROM $t WHERE id % 3 = 0", "VACUUM $t;", $sound);
	$node->safe_psql('postgres', "VACUUM $t");
	is($node->safe_psql('postgres', "SELECT vecx_check_index('$index', true) = (SELECT count(*) FROM $t)"), 't', "$name: sound after all of it, with every row and no dead one");
	is(found_by_own_vector($node, $t, $method), '', "$name: which are found by their own vectors");
}

# Shared memory for a parallel build that cannot be had. What /dev/shm has left is asked before: the build goes on alone, or
# what does not fit waits in files. What is taken away meanwhile is an error with a hint.
my $parallel = "SET client_min_messages = notice; SET max_parallel_maintenance_workers = 2; CREATE INDEX p_inline ON t_inline USING hnsw (v vector_l2_ops) WITH (layout = inline)";
foreach my $left (0, 100_000, 3_000_000, 4_000_000, 1_000_000_000)
{
	append_to_file($order, "room 0 $left /dev/shm\n");
	my ($rc, $out, $err) = $node->psql('postgres', $parallel);
	unlink $order;
	is($rc, 0, "parallel build with $left bytes of shared memory: succeeds");
	like($err, qr/not enough shared memory for a parallel build.*HINT/s, "$left bytes: says that it goes on alone, and what to do") if $left < 3_000_000;
	is($err, '', "$left bytes: in silence") if $left > 100_000_000;
	is($node->safe_psql('postgres', "SELECT vecx_check_index('p_inline', true) = (SELECT count(*) FROM t_inline)"), 't', "$left bytes: the index is right");
	$node->safe_psql('postgres', 'DROP INDEX p_inline');
}
$node->safe_psql('postgres', "INSERT INTO t_inline SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM generate_series(100001, 104000) i");
append_to_file($order, "room 0 1500000 /dev/shm\n");
my ($code, undef, $said) = $node->psql('postgres', "$parallel;");
unlink $order;
is($code, 0, 'more rows than shared memory is left for: the build succeeds');
like($said, qr/About \d+ MB are needed, \/dev\/shm has 1 MB left\. One process builds the index\./, 'and says so');
$node->safe_psql('postgres', 'DROP INDEX IF EXISTS p_inline');
foreach my $after (0 .. 2)
{
	append_to_file($order, "disk 0 $after /dev/shm/\n");
	my ($rc, $out, $err) = $node->psql('postgres', $parallel);
	unlink $order;
	isnt($rc, 0, "$after segments of shared memory, against what was promised: an error");
	like($err, qr/could not resize shared memory segment.*HINT:  A parallel build keeps/s, "$after segments: with a hint");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'p_inline'"), '0', "$after segments: and no index");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'no temporary file is left');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $born, 'the server lived through all of it');
unlike(slurp_file($node->logfile), qr/terminated by signal|server process .* exited with exit code [^01]|PANIC/, 'and so did its processes');
clean_log($node, 'scarce');
finish($node);
