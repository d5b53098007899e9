# Many rows of one vector: build, insert, search and VACUUM cost what other rows cost, and nobody loses any. 100,000 rows;
# VECX_IDENTICAL_ROWS=1000000 for a million (about ten minutes). Times are shown, not tested; but each statement must end
# within a time that a quadratic path would exceed by far.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $rows = $ENV{VECX_IDENTICAL_ROWS} || 100_000;
my $patience = 60 + $rows / 1000; # seconds for a statement on a machine that is busy
my $node = new_node('identical', conf => "autovacuum = off\nmax_wal_size = 4GB\nmaintenance_work_mem = 256MB\nfsync = off\n");

# What a statement returns; it fails when it takes too long.
sub timed
{
	my ($what, $sql) = @_;
	my $start = time;
	my $out = $node->safe_psql('postgres', "SET statement_timeout = '${patience}s'; SET enable_seqscan = off; $sql");
	diag(sprintf('%s: %.2f s', $what, time - $start)) if $ENV{VECX_IDENTICAL_ROWS};
	return $out;
}

foreach my $case ([ 'inline', 16 ], [ 'inline', 128 ], [ 'compact', 16 ], [ 'compact', 128 ], [ 'plain', 8 ])
{
	my ($layout, $dim) = @$case;
	my $name = "$layout, $dim dimensions";
	my $one = "array_fill(0.3, ARRAY[$dim])::vector($dim)"; # which no short form holds without loss
	timed("$name: load", qq{
		DROP TABLE IF EXISTS t;
		CREATE TABLE t (id int, v vector($dim));
		ALTER TABLE t ALTER v SET STORAGE PLAIN;
		INSERT INTO t SELECT i, $one FROM generate_series(1, $rows) i;
		INSERT INTO t SELECT -i, array_agg(sin(i * j))::vector($dim) FROM generate_series(1, 300) i, generate_series(1, $dim) j GROUP BY i});
	timed("$name: build", "CREATE INDEX i ON t USING hnsw (v vector_l2_ops) WITH (layout = $layout)");
	my $pages = $node->safe_psql('postgres', "SELECT pg_relation_size('i') / 8192");
	cmp_ok($pages, '<', 200 + $rows / ($layout eq 'plain' ? 50 : 1000), "$name: pages of the index");

	my $order = "FROM t ORDER BY v <-> $one";
	foreach my $limit (10, 1000)
	{
		is(timed("$name: LIMIT $limit", "SELECT count(*) FROM (SELECT id $order LIMIT $limit) s WHERE id > 0"), $limit, "$name: LIMIT $limit");
	}
	is(timed("$name: all rows", "SELECT count(*), count(DISTINCT id), sum(id::bigint) FROM (SELECT id $order LIMIT 2000000000) s"),
		($rows + 300) . '|' . ($rows + 300) . '|' . ($rows * ($rows + 1) / 2 - 300 * 301 / 2), "$name: all rows, once each");
	is(timed("$name: the others", "SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> array_fill(9, ARRAY[$dim])::vector($dim) LIMIT 20) s"),
		20, "$name: from far away");
	# One row of the table tells the distance of all that equal it; the executor need not compare them all.
	cmp_ok($node->safe_psql('postgres', "SET enable_seqscan = off;
			SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> array_fill(0.4, ARRAY[$dim])::vector($dim) LIMIT 20) s;
			SELECT rechecked FROM vecx_last_scan()") =~ s/.*\n//r, '<', 1000, "$name: few are compared again");

	my $more = int($rows / 100);
	timed("$name: insert of $more", "INSERT INTO t SELECT $rows + i, $one FROM generate_series(1, $more) i");
	is(timed("$name: LIMIT after insert", "SELECT count(*) FROM (SELECT id $order LIMIT 1000) s WHERE id > 0"), 1000, "$name: LIMIT after insert");

	timed("$name: delete of half", 'DELETE FROM t WHERE id % 2 = 0');
	timed("$name: vacuum", 'VACUUM t');
	is(timed("$name: all after vacuum", "SELECT count(*), count(DISTINCT id) FROM (SELECT id $order LIMIT 2000000000) s"),
		join('|', (($rows + $more) / 2 + 150) x 2), "$name: half are left");
	timed("$name: delete of nearly all", 'DELETE FROM t WHERE id > 10');
	timed("$name: vacuum of nearly all", 'VACUUM t');
	is(timed("$name: the last", "SELECT string_agg(id::text, ' ' ORDER BY id) FROM (SELECT id $order LIMIT 5) s"), '1 3 5 7 9', "$name: the last ones");
	is(timed("$name: check", "SELECT vecx_check_index('i', true)"), 155, "$name: the index is sound");
}
finish($node);
