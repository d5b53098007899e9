# maintenance_work_mem and work_mem are kept to: the anonymous memory of a session's process (RssAnon in /proc, looked at every
# few milliseconds) grows by no more than the setting, an eighth of it and 4 MB for caches that do not depend on it, in builds,
# VACUUM, scans of the whole index and inserts; for a build by several processes it is all of theirs and what they share. The data are several times what is allowed.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use VecxStress;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

plan skip_all => 'needs RssAnon in /proc' unless -r '/proc/self/status' && slurp_file('/proc/self/status') =~ /^RssAnon/m;

my $rows = seconds(8) > 20 ? 60000 : 7000;
my $node = new_node('memory', conf => "shared_buffers = 128MB\nmax_wal_size = 4GB\nfsync = off\nmin_parallel_table_scan_size = 0\n");
$node->safe_psql('postgres', "CREATE TABLE base (id bigint, v vector(96), h halfvec(96));
	INSERT INTO base SELECT i, x, x::halfvec(96) FROM (SELECT i, (SELECT array_agg((hashint8extended(i % 20, j) % 60 + hashint8extended(i, j) % 40)::int) FROM generate_series(1, 96) j)::vector(96) AS x
		FROM generate_series(1, $rows) i) s;
	VACUUM ANALYZE base;");
my $dir = PostgreSQL::Test::Utils::tempdir();
my ($runs, $deleted, $most_workers, $seen_workers) = (0, 0, 0, 0);

sub anonymous
{
	my ($pid) = @_;
	open(my $f, '<', "/proc/$pid/status") or return 0;
	my ($kilobytes) = map { /^RssAnon:\s+(\d+)/ ? $1 : () } <$f>;
	close $f;
	return $kilobytes // 0;
}

# What a build's workers have: kB of their own, and of the dynamic shared memory that `pid` shares with them.
sub of_workers
{
	my ($pid, @workers) = @_;
	my ($shared, %seen) = (0);
	open(my $maps, '<', "/proc/$pid/maps") or return 0;
	foreach (grep { m{/dev/shm/PostgreSQL\.} } <$maps>)
	{
		my ($file) = m{(/dev/shm/\S+)};
		next if $seen{$file}++;
		my @stat = stat $file;
		$shared += $stat[12] / 2 if @stat;
	}
	close $maps;
	my $own = 0;
	$own += anonymous($_) foreach @workers;
	return $shared + $own;
}

# The processes that the postmaster runs for parallel builds. From /proc, for it has to be quick.
sub children
{
	my @found;
	opendir(my $proc, '/proc') or return;
	foreach my $pid (grep { /^\d+$/ } readdir $proc)
	{
		open(my $f, '<', "/proc/$pid/stat") or next;
		my ($parent) = (<$f> // '') =~ /\) \S (\d+)/;
		close $f;
		next if ($parent // 0) != $node->{_pid};
		open(my $c, '<', "/proc/$pid/cmdline") or next;
		push @found, $pid if (<$c> // '') =~ /parallel worker/;
		close $c;
	}
	closedir $proc;
	return @found;
}

# How many kB the process of a session grows by while it runs `sql`; with `workers`, it, its workers and what they share.
sub growth
{
	my ($settings, $sql, $workers) = @_;
	my $file = "$dir/" . ++$runs . '.sql';
	# It begins when it has been looked at; the library is loaded and the catalogs are read by then.
	append_to_file($file, "SET application_name = 'measured$runs';\nSET client_min_messages = error;\n$settings\nSELECT '[1]'::vector <-> '[2]';\n"
		. "\\! until [ -e $file.go ]; do sleep 0.02; done\n$sql\n");
	my $out = '';
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $node->connstr('postgres') ], '>&', \$out);
	my $pid = '';
	while ($pid eq '')
	{
		$pid = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = 'measured$runs' AND backend_type = 'client backend'");
	}
	my $before = anonymous($pid);
	my $most = $before;
	append_to_file("$file.go", '');
	while ((my $now = anonymous($pid)) > 0)
	{
		if ($workers)
		{
			my @now = children();
			$most_workers = @now if @now > $most_workers;
			$now += of_workers($pid, @now);
		}
		$most = $now if $now > $most;
		usleep(2000);
	}
	$session->finish or die "$sql: $out";
	return $most - $before;
}

sub within
{
	my ($label, $megabytes, $grown) = @_;
	cmp_ok($grown, '<', $megabytes * 1024 * 1.125 + 4096, sprintf('%s: %.1f MB of %d', $label, $grown / 1024, $megabytes));
	return;
}

foreach my $method (methods())
{
	my ($name, $c, $op) = @{$method}{qw(name column op)};
	my $create = "CREATE INDEX i_$name ON base USING $method->{using};";
	foreach my $megabytes (1, 4)
	{
		within("$name: build", $megabytes, growth("SET maintenance_work_mem = '${megabytes}MB'; SET max_parallel_maintenance_workers = 0;", $create));
		$node->safe_psql('postgres', "DROP INDEX i_$name") if $megabytes < 4;
	}
	# Several processes have one maintenance_work_mem together. Each worker needs 4 MB that any process of PostgreSQL needs.
	foreach my $megabytes (8, 32)
	{
		$node->safe_psql('postgres', "DROP INDEX i_$name");
		$most_workers = 0;
		my $grown = growth("SET maintenance_work_mem = '${megabytes}MB'; SET max_parallel_maintenance_workers = 2;", $create, 1);
		within("$name: build with $most_workers workers, less 4 MB for each", $megabytes, $grown - $most_workers * 4 * 1024);
		$seen_workers += $most_workers; # of a short build none may have been seen
	}
	my $q = "(SELECT $c FROM base WHERE id = 1)";
	within("$name: scan of the whole index", $_, growth(settings() . "SET work_mem = '${_}MB';", "SELECT count(*) FROM (SELECT id FROM base ORDER BY $c $op $q OFFSET 0) s;")) foreach (1, 4);
	within("$name: insert", 4, growth("SET maintenance_work_mem = '4MB';", "INSERT INTO base SELECT id + 1000000, v, h FROM base WHERE id <= 1500 AND id % 3 = 0;"));
	$node->safe_psql('postgres', 'DELETE FROM base WHERE id > 1000000 OR id % 4 = ' . ($deleted++ % 4));
	within("$name: VACUUM", 4, growth("SET maintenance_work_mem = '4MB';", 'VACUUM (INDEX_CLEANUP ON) base;'));
	$node->safe_psql('postgres', "DROP INDEX i_$name");
}
cmp_ok($seen_workers, '>', 1, 'builds by several processes were looked at');
clean_log($node, 'memory');
finish($node);
