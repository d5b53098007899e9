# Eight sessions at once on every access method: inserts one by one and by the dozen, rolled back and not, updates, deletes,
# searches, scans of whole indexes that count, VACUUM, and on a second table indexes that are built and dropped meanwhile.
# Nothing is lost, nothing comes twice, nobody deadlocks, and when all is quiet the indexes are exactly right.
# VECX_STRESS_SECONDS sets how long it takes (8); scripts/assert-pg runs it on a server with assertions.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use VecxStress;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = seconds(8);
# Small buffers, so that pages come and go; long waits for a lock are failures.
my $node = new_node('stress', conf => "shared_buffers = 4MB\nmaintenance_work_mem = 8MB\nmax_parallel_maintenance_workers = 2\n"
	. "min_parallel_table_scan_size = 0\nlog_lock_waits = on\nvacuum_cost_delay = 0\nwal_consistency_checking = ''\n");
create_functions($node);
create_table($node, $_, 400, methods()) foreach qw(t r);
# Vectors of several pages each, in layout plain.
$node->safe_psql('postgres', 'CREATE TABLE large (id bigint PRIMARY KEY, v vector(6000)); CREATE INDEX large_v ON large USING hnsw (v vector_l2_ops);
	CREATE SEQUENCE large_ids;');

my $dir = PostgreSQL::Test::Utils::tempdir();
my @load;

sub script
{
	my ($name, $weight, $sql) = @_;
	append_to_file("$dir/$name.sql", $sql);
	push @load, '-f', "$dir/$name.sql\@$weight";
	return;
}

my $index = 0;
foreach my $table (qw(t r))
{
	my $pick = sub { "SELECT id FROM $table ORDER BY hashint8extended(id, :seed) LIMIT $_[0] FOR UPDATE SKIP LOCKED" };
	my $row = 'i, vector_of(i), vector_of(i)::halfvec(24)';
	my $seed = "\\set seed random(1, 1000000000)\n";
	my $w = $table eq 't' ? 2 : 1;
	script("insert_$table", 5 * $w, "INSERT INTO $table SELECT $row FROM (SELECT nextval('${table}_ids')) s (i);\n");
	script("equal_$table", 1 * $w, "INSERT INTO $table SELECT i, vector_of(20), vector_of(20)::halfvec(24) FROM (SELECT nextval('${table}_ids') FROM generate_series(1, 3)) s (i);\n");
	script("many_$table", 1 * $w, "INSERT INTO $table SELECT $row FROM (SELECT nextval('${table}_ids') FROM generate_series(1, 12)) s (i);\n");
	script("undone_$table", 1 * $w, "BEGIN;\nINSERT INTO $table SELECT $row FROM (SELECT nextval('${table}_ids') FROM generate_series(1, 3)) s (i);\nSAVEPOINT s;\n"
		. "INSERT INTO $table SELECT $row FROM (SELECT nextval('${table}_ids') FROM generate_series(1, 3)) s (i);\nROLLBACK TO s;\n"
		. "INSERT INTO $table SELECT $row FROM (SELECT nextval('${table}_ids') FROM generate_series(1, 2)) s (i);\nCOMMIT;\n");
	script("aborted_$table", 1 * $w, "BEGIN;\nINSERT INTO $table SELECT $row FROM (SELECT nextval('${table}_ids') FROM generate_series(1, 4)) s (i);\nROLLBACK;\n");
	script("update_$table", 3 * $w, "${seed}UPDATE $table SET v = vector_of(n), h = vector_of(n)::halfvec(24) FROM (SELECT id AS i, CASE WHEN id % 3 = 0 THEN id ELSE id + 5000000 END AS n FROM (" . $pick->(2) . ") s) s WHERE $table.id = s.i;\n");
	script("delete_$table", 3 * $w, "${seed}DELETE FROM $table WHERE id IN (" . $pick->(4) . ");\n");
	script("vacuum_$table", 1, "VACUUM (TRUNCATE false) $table;\n");
	foreach my $method (methods())
	{
		my ($c, $op) = @{$method}{qw(column op)};
		my $type = $c eq 'h' ? 'halfvec(24)' : 'vector(24)';
		my $set = settings();
		script("search_$method->{name}_$table", 1, "$seed$set\nSELECT id FROM $table ORDER BY $c $op coordinates(:seed)::$type LIMIT 20;\n");
		script("complete_$method->{name}_$table", 1, "${seed}BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT assert_complete('$table', '$c', '$op', :seed);\nCOMMIT;\n") if $table eq 't' || $seconds > 20;
	}
}
script('insert_large', 2, "INSERT INTO large SELECT i, array_fill((i % 50)::int, ARRAY[6000])::vector FROM (SELECT nextval('large_ids')) s (i);\n");
script('delete_large', 1, "\\set seed random(1, 1000000000)\nDELETE FROM large WHERE id IN (SELECT id FROM large ORDER BY hashint8extended(id, :seed) LIMIT 2 FOR UPDATE SKIP LOCKED);\n");
script('vacuum_large', 1, "VACUUM (TRUNCATE false) large;\n");

# The eighth session: the indexes of r go and come, in every way that leaves others at work, and one that does not.
my $rebuild = '';
foreach my $method (methods())
{
	my $name = "r_$method->{name}";
	$rebuild .= "REINDEX INDEX CONCURRENTLY $name;\nDROP INDEX CONCURRENTLY $name;\n" . index_ddl('r', $method, 'CONCURRENTLY') . "\nDROP INDEX $name;\n" . index_ddl('r', $method) . "\n";
}
append_to_file("$dir/rebuild.sql", $rebuild);

my ($out, $rebuilt) = ('', '');
my @common = ('pgbench', '--no-vacuum', '--random-seed=42');
my $where = $node->connstr('postgres');
my $load = IPC::Run::start([ @common, '--client=7', '--jobs=2', "--time=$seconds", @load, $where ], '>&', \$out);
# It ends with the round in which its time is over, so that all indexes are there again.
my $maintenance = IPC::Run::start([ @common, '--client=1', "--time=$seconds", '-f', "$dir/rebuild.sql", $where ], '>&', \$rebuilt);
ok($load->finish, 'seven sessions met no error') or diag($out);
ok($maintenance->finish, 'the one that builds and drops indexes met no error') or diag($rebuilt);
unlike("$out$rebuilt", qr/ERROR|aborted in command/, 'no client was stopped by an error') or diag("$out$rebuilt");
my ($transactions) = $out =~ /actually processed: (\d+)/;
my ($rounds) = $rebuilt =~ /actually processed: (\d+)/;
# VECX_STRESS_SLOW: how many times slower than usual this server is (valgrind).
cmp_ok($transactions, '>', 20 * $seconds / ($ENV{VECX_STRESS_SLOW} // 1), "there was work: $transactions transactions, $rounds rounds of building and dropping in $seconds s");
cmp_ok($rounds, '>', 0, 'indexes were built and dropped meanwhile');

quiet_and_sound($node, $_, $_ eq 't' ? 'indexes that lived through it' : 'indexes built meanwhile', methods()) foreach qw(t r);
$node->safe_psql('postgres', 'VACUUM large');
is($node->safe_psql('postgres', "SELECT vecx_check_index('large_v', true) = (SELECT count(*) FROM large)"), 't', 'vectors of several pages: sound, with every row');
clean_log($node, 'stress');

# Once more, with more rows, after all of it: free space was recorded rightly, and what is left can still be filled.
$node->safe_psql('postgres', "DELETE FROM t WHERE id % 3 = 0; VACUUM t;
	INSERT INTO t SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM (SELECT nextval('t_ids') FROM generate_series(1, 100)) s (i)");
quiet_and_sound($node, 't', 'rows in the place of others', methods());
finish($node);
