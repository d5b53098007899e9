# Limits that the system sets and keeps: processes that may not have more address space (setrlimit, as by ulimit -v), for the
# leader of a build, its workers, inserts and VACUUM; and a /dev/shm of a few MB, mounted for one server alone. A statement
# fails with an error that says so, or does with less; the server lives, and an index is sound or not there.
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

my $prlimit = -e '/proc/self/status' && `sh -c 'command -v prlimit'`;
plan skip_all => 'needs Linux and prlimit (util-linux)' unless $prlimit;

my ($rows, @nodes) = (1500);
my $conf = "shared_buffers = 32MB\nmin_parallel_table_scan_size = 0\nmax_wal_size = 2GB\nfsync = off\nlog_min_error_statement = panic\n"
	. "dynamic_shared_memory_type = posix\nrestart_after_crash = on\nmaintenance_work_mem = 64MB\n";

sub lives
{
	my ($node, $born, $label) = @_;
	is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $born, "$label: the server lived");
	unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|all server processes terminated/, "$label: and so did its processes");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', "$label: no temporary file is left");
	return;
}

{
	my $node = new_node('space', conf => $conf);
	create_functions($node);
	my $born = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
	my $postmaster = $node->{_pid};
	# What a process has of address space beyond what it needs for a small statement with the library loaded.
	my $idle = $node->safe_psql('postgres', q{SELECT '[1]'::vector; SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmPeak:\s+(\d+)'))[1]});
	($idle) = $idle =~ /(\d+)$/;

	# The limit is that of the postmaster: whoever it starts from now on has it too, workers as well.
	my $limit = sub {
		my ($kilobytes) = @_;
		system_or_bail('prlimit', '--pid', $postmaster, '--as=' . (defined $kilobytes ? $kilobytes * 1024 : 'unlimited') . ':');
	};
	my $honest = qr/out of memory|could not (map|resize|load|allocate)|cannot allocate memory|parallel worker failed to initialize/i;

	# As there is more and more: at first every statement fails, in the end none.
	my $ever_more = sub {
		my ($label, $before, $sql, $holds) = @_;
		my ($failed, $done, @wrong) = (0, 0);
		for (my $extra = 700; $extra < 4_000_000 && !$done; $extra *= 3)
		{
			$node->safe_psql('postgres', $before) if $before;
			$limit->($idle + $extra);
			my ($out, $err);
			my $rc = $node->psql('postgres', "SELECT '[1]'::vector; $sql", stdout => \$out, stderr => \$err, on_error_stop => 1);
			$limit->(undef);
			$rc == 0 ? $done++ : $failed++;
			push @wrong, "with $extra kB: $err" if $rc != 0 && $err !~ $honest;
			my $now = $holds->($rc == 0);
			push @wrong, "with $extra kB: $now" if $now ne '';
		}
		is(join('; ', @wrong), '', "$label: honest errors, and the index sound or not there");
		is($done, 1, "$label: with enough it succeeds, after $failed failures");
		return $failed;
	};

	my $refused = 0;
	foreach my $method (methods())
	{
		my $name = $method->{name};
		my $t = "t_$name";
		create_table($node, $t, $rows, $method);
		my $built = sub {
			my ($success) = @_;
			my $there = $node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'b_$name'");
			return $success ? 'there is no index' : '' if $there eq '0';
			return 'an index is there after an error' if !$success;
			return $node->safe_psql('postgres', "SELECT vecx_check_index('b_$name', true) = (SELECT count(*) FROM $t)") eq 't' ? '' : 'the index is not right';
		};
		my $sound = sub { return $node->safe_psql('postgres', "SELECT vecx_check_index('${t}_$name', true) >= (SELECT count(*) FROM $t)") eq 't' ? '' : 'the index is not right' };
		my $drop = "DROP INDEX IF EXISTS b_$name";
		my $create = "CREATE INDEX b_$name ON $t USING $method->{using};";
		$refused += $ever_more->("$name: build", $drop, "SET max_parallel_maintenance_workers = 0; $create", $built);
		$refused += $ever_more->("$name: build by three", $drop, "SET client_min_messages = error; SET max_parallel_maintenance_workers = 2; $create", $built);
		$node->safe_psql('postgres', $drop);
		$refused += $ever_more->("$name: insert", '', "INSERT INTO $t SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM (SELECT nextval('${t}_ids') FROM generate_series(1, 100)) s (i);", $sound);
		$refused += $ever_more->("$name: VACUUM", "DELETE FROM $t WHERE hashint8extended(id, 7) % 3 = 0; INSERT INTO $t SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM (SELECT nextval('${t}_ids') FROM generate_series(1, 600)) s (i)", "VACUUM $t;", $sound);
		$node->safe_psql('postgres', "VACUUM $t");
		is($node->safe_psql('postgres', "SELECT vecx_check_index('${t}_$name', true) = (SELECT count(*) FROM $t)"), 't', "$name: at the end the index has every row and no dead one");
		is(found_by_own_vector($node, $t, $method), '', "$name: which are found by their own vectors");
	}
	cmp_ok($refused, '>=', 10, "statements were refused memory $refused times");
	lives($node, $born, 'address space');
	clean_log($node, 'address space');
	push @nodes, $node;
}

# A file system of its own in place of /dev/shm, as containers have it (64 MB by default); in a mount namespace, so that nobody
# else sees it.
SKIP: {
	my @apart = qw(unshare --map-current-user --keep-caps --mount sh -c);
	my $mount = 'mount -t tmpfs -o size=3m none /dev/shm';
	my ($said, $why) = ('', '');
	skip "a small /dev/shm cannot be mounted here: $why", 1 if !eval { IPC::Run::run([ @apart, $mount ], '>', \$said, '2>', \$why) };

	my $node = PostgreSQL::Test::Cluster->new('small_shm');
	my $version = `postgres --version`;
	$node->init($version =~ /\) (\d+)/ && $1 >= 18 ? (extra => ['--no-data-checksums']) : ());
	$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\nmax_parallel_workers_per_gather = 0\n$conf");
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my ($pg_ctl) = split /\n/, `sh -c 'command -v pg_ctl'`;
	append_to_file("$dir/pg_ctl", "#!/bin/sh\nexec @apart '$mount && exec $pg_ctl \"\$\@\"' pg_ctl \"\$\@\"\n");
	chmod 0755, "$dir/pg_ctl";
	{
		local $ENV{PATH} = "$dir:$ENV{PATH}";
		$node->start;
	}
	$node->safe_psql('postgres', 'CREATE EXTENSION vecx');
	my $born = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
	create_functions($node);
	my ($done, $failed) = (0, 0);
	foreach my $method (methods())
	{
		my $name = $method->{name};
		create_table($node, "t_$name", 6000);
		foreach my $memory (4, 64)
		{
			my ($rc, $out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '${memory}MB'; SET max_parallel_maintenance_workers = 2; "
				. index_ddl("t_$name", $method), on_error_stop => 1);
			$rc == 0 ? $done++ : $failed++;
			like($err, qr/could not (resize|allocate).*HINT|out of memory/s, "$name, $memory MB: an error says what is scarce") if $rc != 0;
			my $there = $node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 't_${name}_$name'");
			is($there, $rc == 0 ? 1 : 0, "$name, $memory MB: the index is there or it is not: $rc $err");
			is($node->safe_psql('postgres', "SELECT vecx_check_index('t_${name}_$name', true) = (SELECT count(*) FROM t_$name)"), 't', "$name, $memory MB: and has every row") if $there;
			$node->safe_psql('postgres', "DROP INDEX IF EXISTS t_${name}_$name");
		}
		$node->safe_psql('postgres', "DROP TABLE t_$name");
	}
	is($failed, 0, "3 MB of shared memory: $done builds by several processes, or as many as can be, succeed");
	lives($node, $born, 'a small /dev/shm');
	clean_log($node, 'a small /dev/shm');
	push @nodes, $node;
}
finish(@nodes);
