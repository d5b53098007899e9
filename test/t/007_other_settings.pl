# Another library of the same backend may have defined the hnsw settings: pgvector, when a session has used it
# before vecx. vecx then loads all the same, and obeys what is set through them.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use PostgreSQL::Test::Utils;
use Test::More;

chomp(my $headers = `"\${PG_CONFIG:-pg_config}" --includedir-server`);
plan skip_all => "no server headers in $headers" unless -f "$headers/postgres.h";
my $library = "$PostgreSQL::Test::Utils::tmp_check/settings.so";
system_or_bail($ENV{CC} // 'cc', '-shared', '-fPIC', '-I', $headers, '-o', $library, "$FindBin::Bin/../modules/settings.c");

my $node = new_node('other_settings');
$node->safe_psql('postgres', "CREATE TABLE rows (v vector(2));
	INSERT INTO rows SELECT ARRAY[i, i]::vector FROM generate_series(1, 200) i;
	CREATE INDEX ON rows USING hnsw (v vector_l2_ops)");

# What a session prints, each query on a line; it loads the other library first.
sub session
{
	my ($queries) = @_;
	my ($out, $err);
	$node->psql('postgres', "LOAD '$library'; SET enable_seqscan = off; $queries", stdout => \$out, stderr => \$err);
	return $out . $err;
}
my $count = "SELECT count(*) FROM (SELECT 1 FROM rows ORDER BY v <-> '[0,0]') s;";

is(session("SELECT '[1,2]'::vector; SHOW hnsw.ef_search;"), "[1,2]\n7", 'vecx loads second');
is(session($count), '200', "the other library's default is not taken for a wish");
cmp_ok(session("SET hnsw.max_scan_tuples = 50; $count"), '<', 100, 'what is set through it is obeyed');
is(session("SET hnsw.max_scan_tuples = 50; RESET hnsw.max_scan_tuples; $count"), '200', 'until it is reset');
is(session("SET hnsw.iterative_scan = strict_order; SET hnsw.ef_search = 20; $count SHOW hnsw.iterative_scan; SHOW hnsw.scan_mem_multiplier;"),
	"200\nstrict_order\n1", 'modes go by their names; what the other library lacks is defined');
is($node->safe_psql('postgres', "LOAD 'vecx'; SHOW hnsw.ef_search"), '40', 'alone, vecx has its own defaults');

finish($node);
