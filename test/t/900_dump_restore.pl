# pg_dump of a database with every type and an hnsw index of every operator class, restored with psql: the same
# definitions, the same rows, the same answers through the indexes.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $files = "$FindBin::Bin/../dump";
my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\njit = off\n");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE original; CREATE DATABASE restored");

sub answers
{
	my ($database) = @_;
	my ($out, $err) = run_command([ 'psql', '-X', '-q', '-h', $node->host, '-p', $node->port, '-f', "$files/answers.sql", $database ]);
	is($err, '', "answers of $database come without a message");
	return $out;
}

my @to = ('-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port);
command_ok([ 'psql', @to, '-f', "$files/setup.sql", 'original' ], 'a database with every type and operator class');
my $before = answers('original');
my @plans = $before =~ /Index Scan using points_\w+_\w+ on points/g;
is(scalar(@plans), 22, 'every search goes through its index');
unlike($before, qr/no index/, 'no search without an index');

my $dump = "${PostgreSQL::Test::Utils::tmp_check}/dump.sql";
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', $dump, 'original' ], 'pg_dump');
command_ok([ 'psql', @to, '-f', $dump, 'restored' ], 'psql restores it');
is(answers('restored'), $before, 'the restored database gives the same answers');

my $again = "${PostgreSQL::Test::Utils::tmp_check}/again.sql";
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', $again, 'restored' ], 'pg_dump of the restored database');
sub statements # a dump without its \restrict key, which is new in every dump
{
	return join('', grep { !/^\\(un)?restrict / } split(/^/, slurp_file($_[0])));
}
is(statements($again), statements($dump), 'a second dump is equal to the first');

finish($node);
