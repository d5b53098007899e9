# The life of an index of layout inline and compact: inserts, updates, deletes and VACUUM at once, killed in the middle
# again and again, and replayed by a standby that compares every page.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = 3;
my $node = new_node('lifecycle', init => { allows_streaming => 1 },
	conf => "wal_consistency_checking = 'all'\nwal_keep_size = 1GB\nrestart_after_crash = off\nmax_wal_size = 1GB\n");
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('lifecycle_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;

# Clustered vectors of 24 dimensions, every tenth row the copy of a common one, so that lists of heap TIDs grow and go.
$node->safe_psql('postgres', q{
	CREATE FUNCTION coordinates(i bigint) RETURNS vector(24) LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg((hashint8extended(i % 16, j) % 60 + hashint8extended(i, j) % 40)::int ORDER BY j)::vector(24)
		FROM generate_series(1, 24) j $$;
	CREATE FUNCTION value_of(i bigint) RETURNS vector(24) LANGUAGE sql IMMUTABLE AS $$
		SELECT coordinates(CASE WHEN i % 10 = 0 THEN i / 10 % 3 ELSE i END) $$;
	CREATE TABLE t (id bigint PRIMARY KEY, v vector(24), w halfvec(24)) WITH (fillfactor = 70);
	CREATE SEQUENCE ids START 1001;
	INSERT INTO t SELECT i, value_of(i), value_of(i)::halfvec(24) FROM generate_series(1, 1000) i;
	CREATE INDEX i_inline ON t USING hnsw (v vector_l2_ops) WITH (layout = inline);
	CREATE INDEX i_compact ON t USING hnsw (w halfvec_cosine_ops) WITH (layout = compact);
	CREATE TABLE asked AS SELECT i AS id, coordinates(100000 + i) AS q FROM generate_series(1, 40) i;
	ANALYZE t});

my @indexes = (
	{ name => 'i_inline', column => 'v', op => '<->', type => 'vector(24)' },
	{ name => 'i_compact', column => 'w', op => '<=>', type => 'halfvec(24)' });

my %scripts = (
	insert => "INSERT INTO t SELECT i, value_of(i), value_of(i)::halfvec(24) FROM (SELECT nextval('ids') FROM generate_series(1, 3)) s (i);",
	# A third of the updates leave the vector as it is.
	update => "UPDATE t SET v = value_of(n), w = value_of(n)::halfvec(24) FROM
		(SELECT id, CASE WHEN id % 3 = 0 THEN id ELSE id + 5000000 END AS n FROM t ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED) s WHERE t.id = s.id;",
	delete => "DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY random() LIMIT 3 FOR UPDATE SKIP LOCKED);",
	vacuum => "VACUUM (TRUNCATE false) t;",
	search => "SET enable_seqscan = off; SELECT id FROM t ORDER BY v <-> (SELECT q FROM asked ORDER BY random() LIMIT 1) LIMIT 20;");
my %weight = (insert => 6, update => 4, delete => 3, vacuum => 1, search => 2);
my $dir = PostgreSQL::Test::Utils::tempdir();
my @files;
foreach my $name (sort keys %scripts)
{
	append_to_file("$dir/$name.sql", $scripts{$name});
	push @files, '-f', "$dir/$name.sql\@$weight{$name}";
}

# Recall at 10 by distances, with the settings as they are; and how many rows are not among those at distance 0 from
# their own vector.
sub quality
{
	my ($server, $index) = @_;
	my ($column, $op, $type) = @{$index}{qw(column op type)};
	my $sql = sub {
		my ($scan) = @_;
		my $on = $scan ? 'off' : 'on';
		return "SET enable_seqscan = $on; SET enable_sort = $on;" . ($scan ? '' : 'SET enable_indexscan = off;')
		  . "SELECT a.id, s.d FROM asked a CROSS JOIN LATERAL (SELECT $column $op a.q::$type AS d FROM t
				ORDER BY $column $op a.q::$type LIMIT 10) s ORDER BY 1, 2";
	};
	my (%exact, $hits);
	foreach (split /\n/, $server->safe_psql('postgres', $sql->(0)))
	{
		my ($id, $distance) = split /\|/;
		push @{ $exact{$id} }, $distance;
	}
	foreach (split /\n/, $server->safe_psql('postgres', $sql->(1)))
	{
		my ($id, $distance) = split /\|/;
		$hits++ if $distance <= $exact{$id}[-1];
	}
	return $hits / 10 / keys %exact;
}

# Rows that a search for their own vector does not return. Equal rows: as many as there are must come first.
sub lost_rows
{
	my ($server, $index) = @_;
	my ($column, $op) = @{$index}{qw(column op)};
	return $server->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 40;
		WITH own AS MATERIALIZED (SELECT $column AS x, count(*) AS copies, min(id) AS first FROM (SELECT * FROM t OFFSET 0) t GROUP BY $column)
		SELECT count(*) FROM own WHERE copies <> (SELECT count(*) FROM
			(SELECT $column AS y FROM t ORDER BY $column $op own.x LIMIT own.copies) s WHERE s.y = own.x)");
}

sub answers
{
	my ($server, $index) = @_;
	return $server->safe_psql('postgres', "SET enable_seqscan = off; SET enable_sort = off;
		SELECT array_agg(s.id) FROM asked a CROSS JOIN LATERAL
			(SELECT id FROM t ORDER BY $index->{column} $index->{op} a.q::$index->{type} LIMIT 50) s");
}

my $plan = $node->safe_psql('postgres', "SET enable_seqscan = off; EXPLAIN SELECT id FROM t ORDER BY w <=> (SELECT q FROM asked LIMIT 1)::halfvec(24) LIMIT 5");
like($plan, qr/Index Scan using i_compact/, 'searches use the index');

foreach my $round (1 .. $rounds)
{
	my $output = '';
	my $load = IPC::Run::start([ 'pgbench', '--no-vacuum', '--client=4', '--time=30', "--random-seed=$round", '-d', $node->connstr('postgres'), @files ],
		'>&', \$output);
	my $before = $node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()');
	IPC::Run::pump_nb($load);
	select(undef, undef, undef, 2);
	my $wal = $node->safe_psql('postgres', "SELECT pg_current_wal_lsn() - '$before'");
	# All processes, so that the sessions stop wherever they are.
	my @pids = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	push @pids, $node->{_pid};
	$node->kill9;
	kill 9, @pids;
	$load->kill_kill(grace => 1);
	unlike($output, qr/ERROR:(?!.*(deadlock|duplicate key))/, "round $round: no error before the crash") or diag($output);
	cmp_ok($wal, '>', 100000, "round $round: there was work");
	for (my $tries = 0; $tries < 100 && grep { kill 0, $_ } @pids; $tries++) { select(undef, undef, undef, 0.05) }
	$node->start;
	foreach my $index (@indexes)
	{
		my $name = $index->{name};
		cmp_ok($node->safe_psql('postgres', "SELECT vecx_check_index('$name', true)"), '>=', $node->safe_psql('postgres', 'SELECT count(*) FROM t'),
			"round $round: $name is sound and has every row");
		my $recall = quality($node, $index);
		cmp_ok($recall, '>=', 0.95, "round $round: recall of $name ($recall)");
		is(lost_rows($node, $index), '0', "round $round: $name finds every row by its own vector");
	}
}
$node->safe_psql('postgres', 'VACUUM t');
$node->safe_psql('postgres', "INSERT INTO t SELECT i, value_of(i), value_of(i)::halfvec(24) FROM generate_series(900001, 900100) i");
$node->wait_for_catchup($standby);
foreach my $index (@indexes)
{
	my $name = $index->{name};
	is($node->safe_psql('postgres', "SELECT vecx_check_index('$name', true) >= (SELECT count(*) FROM t)"), 't', "$name is sound after VACUUM and inserts");
	is(lost_rows($node, $index), '0', "$name finds every row by its own vector after VACUUM and inserts");
	my $expected = answers($node, $index);
	like($expected, qr/\d,\d/, "$name gives answers");
	is(answers($standby, $index), $expected, "$name gives the same answers on the standby");
	cmp_ok($standby->safe_psql('postgres', "SELECT vecx_check_index('$name', true)"), '>', 0, "$name is sound on the standby");
}
unlike(slurp_file($standby->logfile), qr/PANIC|FATAL:.*(consistency|inconsistent)/, 'the standby found no page that differs');

finish($standby, $node);
