# Builds of the layouts inline and compact: in little memory, with workers, cancelled, and what is shown of them.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $node = new_node('inlined_build',
	conf => "max_parallel_maintenance_workers = 2\nmin_parallel_table_scan_size = 0\nlog_temp_files = 0\n");
my @classes = grep { "$_->{type}_$_->{metric}" =~ /^(vector_l2|halfvec_cosine|int8vec_ip)$/ } opclasses();
create_points($node, 8000);

foreach my $class (@classes)
{
	my $name = "$class->{type}_$class->{metric}";
	foreach my $layout (qw(inline compact))
	{
		my $create = "CREATE INDEX i ON points USING hnsw ($class->{column} ${name}_ops) WITH (layout = $layout)";
		my ($rc, $out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '64MB'; $create");
		is($rc, 0, "$name, $layout: a build with workers succeeds");
		is($err, '', "$name, $layout: without a word");
		$node->stop('immediate');
		$node->start;
		is(check_indexes($node), 1, "$name, $layout: it is sound, what its processes logged as well");
		my $large = recall($node, $class, 10);
		# compact reaches 0.955 on int8vec_ip, give or take half a hundredth: workers make no two graphs the same.
		cmp_ok($large, '>=', $layout eq 'compact' ? 0.92 : 0.95, "$name, $layout: recall");
		$node->safe_psql('postgres', 'DROP INDEX i');

		($rc, $out, $err) = $node->psql('postgres', "SET maintenance_work_mem = '1MB'; $create");
		is($rc, 0, "$name, $layout: a build with little memory succeeds");
		like($err, qr/NOTICE:  hnsw graph no longer fits into maintenance_work_mem after \d+ tuples/, "$name, $layout: it says so");
		is(() = $err =~ /NOTICE/g, 1, "$name, $layout: once");
		is(check_indexes($node), 1, "$name, $layout: it is sound");
		# With workers no two graphs are the same: their recalls differ by a hundredth either way, with compact's few places by two.
		cmp_ok(recall($node, $class, 10), '>=', $large - ($layout eq 'compact' ? 0.06 : 0.04), "$name, $layout: recall is no worse");
		is( $node->safe_psql('postgres', "SET enable_seqscan = off; SELECT count(DISTINCT id) FROM (SELECT id FROM points
				ORDER BY $class->{column} $class->{op} (SELECT $class->{column} FROM queries WHERE id = -1)) s"),
			'8000', "$name, $layout: every row is in it");
		$node->stop('immediate');
		$node->start;
		is(check_indexes($node), 1, "$name, $layout: it is sound after a crash");
		$node->safe_psql('postgres', 'DROP INDEX i');
	}
}

# What a build changes on pages that are logged already, its directory of further columns for one, is not lost either.
$node->safe_psql('postgres', 'CREATE TABLE listed (id int, shop int, v vector(24)) WITH (parallel_workers = 2);
	INSERT INTO listed SELECT i, i % 7, (SELECT array_agg(sin(i * j)) FROM generate_series(1, 24) j)::vector FROM generate_series(1, 1000) i');
foreach my $layout (qw(inline compact))
{
	foreach my $workers (0, 2)
	{
		$node->safe_psql('postgres', "SET max_parallel_maintenance_workers = $workers;
			CREATE INDEX listed_v ON listed USING hnsw (v vector_l2_ops, shop) WITH (layout = $layout)");
		$node->stop('immediate');
		$node->start;
		is($node->safe_psql('postgres', "SELECT vecx_check_index('listed_v', true)"), '1000',
			"further columns, $layout, $workers workers: sound and complete after a crash");
		$node->safe_psql('postgres', 'DROP INDEX listed_v');
	}
}
$node->safe_psql('postgres', 'DROP TABLE listed');

# Pages are the same whoever made them. One process loads all rows here, for the table has one page.
$node->safe_psql('postgres', q{CREATE UNLOGGED TABLE wide (id int, v vector(768)) WITH (parallel_workers = 2);
	ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
	SELECT setseed(0.25);
	INSERT INTO wide SELECT i, (SELECT array_agg(random() - 0.5 + 0 * (g + i)) FROM generate_series(1, 768) g)::vector FROM generate_series(1, 150) i});
is($node->safe_psql('postgres', "SELECT pg_relation_size('wide')"), '8192', 'a table of one page');
my %files;
foreach my $layout (qw(inline compact))
{
	foreach my $memory (qw(64MB 2MB))
	{
		foreach my $workers (0, 1, 2)
		{
			my $index = "wide_${layout}_${memory}_$workers";
			$node->safe_psql('postgres', "SET maintenance_work_mem = '$memory'; SET max_parallel_maintenance_workers = $workers;
				CREATE INDEX $index ON wide USING hnsw (v vector_l2_ops) WITH (layout = $layout)");
			push @{ $files{$layout} }, $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$index')");
		}
	}
}
is(check_indexes($node), 12, "they are sound");
$node->stop;
foreach my $layout (qw(inline compact))
{
	my %contents;
	foreach my $file (@{ $files{$layout} })
	{
		my $bytes = PostgreSQL::Test::Utils::slurp_file($file);
		substr($bytes, 8192 * $_, 10, '') foreach reverse 0 .. length($bytes) / 8192 - 1; # the place in WAL, the checksum
		$contents{$bytes} = 1;
	}
	is(keys %contents, 1, "$layout: one process and several write the same pages");
}
$node->start;

# Cancelled, with workers at work: nothing stays behind.
my $slow = q{CREATE FUNCTION slowly(vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS
	$$ BEGIN PERFORM pg_sleep(0.01); RETURN $1; END $$};
$node->safe_psql('postgres', $slow);
my ($rc, $out, $err) = $node->psql('postgres',
	"SET statement_timeout = '2s'; CREATE INDEX i ON points USING hnsw ((slowly(c_vector)::vector(16)) vector_l2_ops) WITH (layout = inline)");
isnt($rc, 0, 'a build is cancelled');
like($err, qr/canceling statement due to statement timeout/, 'by the timeout');
$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'")
  or die 'workers stay';
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname = 'i'"), '0', 'there is no index');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_ls_tmpdir()"), '0', 'there are no temporary files');

# What is shown while it runs: the rows of all participants.
my $session = $node->background_psql('postgres');
$session->query_until(qr/started/, "\\echo started\nCREATE INDEX i ON points USING hnsw ((slowly(c_vector)::vector(16)) vector_l2_ops) WITH (layout = inline);\n");
ok( $node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_progress_create_index
		WHERE phase = 'building index: loading tuples' AND tuples_done BETWEEN 100 AND 8000 AND tuples_total BETWEEN 4000 AND 16000"),
	'progress is shown');
ok( $node->poll_query_until('postgres', "SELECT count(*) >= 1 FROM pg_stat_activity WHERE backend_type = 'parallel worker' AND query LIKE 'CREATE INDEX%'"),
	'workers show the command');
$node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index");
eval { $session->quit };

finish($node);
