# Damaged pages give ERRCODE_INDEX_CORRUPTED with the block, or right answers where the damage is not met; the
# server lives, and REINDEX mends it.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use Test::More;

my $node = new_node('corruption');
my $block_size = 8192;
create_points($node, 500);
my ($class) = opclasses();
my $values = points_columns('i');
my $path;

sub find_file { $path = $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('i_vector_l2')") }

# Runs every kind of statement; returns what they said on stderr, with SQLSTATEs.
sub use_index
{
	my $all = '';
	foreach my $sql (
		"SET enable_seqscan = off; SELECT count(id) FROM (SELECT id FROM points ORDER BY c_vector <-> (SELECT c_vector FROM queries WHERE id = -1)) s",
		"BEGIN; INSERT INTO points SELECT i, $values FROM generate_series(90001, 90003) i; ROLLBACK",
		"SELECT vecx_check_index('i_vector_l2')",
		"SELECT * FROM vecx_index_info('i_vector_l2')",
		'DELETE FROM points WHERE id > 90000; VACUUM points')
	{
		my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql", on_error_stop => 0);
		isnt($rc, 2, 'the connection lives');
		$all .= $err;
	}
	return $all;
}

sub damage
{
	my ($offset, $bytes) = @_;
	$node->stop;
	open my $file, '+<:raw', $path or die "$path: $!";
	seek $file, $offset, 0;
	read $file, my $old, length $bytes;
	seek $file, $offset, 0;
	print $file $bytes;
	close $file;
	$node->start;
	return $old;
}

my $seed = 12345;
sub next_random { $seed = ($seed * 1103515245 + 12345) % 2147483648; return int($seed / 65536) % $_[0]; }

foreach my $layout (qw(plain inline compact))
{
	$node->safe_psql('postgres', "CREATE INDEX i_vector_l2 ON points USING hnsw (c_vector vector_l2_ops) WITH (layout = $layout)");
	find_file();
	my $blocks = $node->safe_psql('postgres', "SELECT pages FROM vecx_index_info('i_vector_l2')");
	my $first = $block_size; # a page of nodes

	is(use_index(), '', "$layout: a sound index makes no complaint");

	# At a fixed place each: the magic of the metapage, the page header, the head of the body, slots, records.
	my @damages = (
		[ 'magic of the metapage', 24, "\xFF" x 4, qr/XX002/ ],
		[ 'metapage record', 40, "\xEE" x 24, qr/XX002/ ],
		# not so wrong that PostgreSQL itself refuses to read the page
		[ 'special space of a node page', $first + 16, pack('v', $block_size - 8), qr/XX002/ ],
		[ 'page header of a node page', $first + 12, "\xFF" x 6, qr/XX001/ ],
		[ 'head of a node page', $first + 24, "\xFF" x 16, qr/XX002/ ],
		[ 'slot directory', $first + $block_size - 16, "\xFF" x 16, qr/XX002/ ],
		[ 'first record of a node page', $first + 40, "\xFF" x 64, qr/XX002/ ],
		[ 'links of a node', $first + 40 + 96, "\xFF" x 64, undef ]);
	push @damages, [ 'entry node on the metapage', 128, "\xFF" x 48, qr/XX002/ ],
		[ 'slot of the entry node', $block_size - 4, "\xFF" x 4, qr/XX002/ ] if $layout ne 'plain';
	foreach my $damage (@damages)
	{
		my ($what, $offset, $bytes, $expected) = @$damage;
		my $old = damage($offset, $bytes);
		my $complaint = use_index();
		like($complaint, $expected, "$layout, $what: index corrupted") if defined $expected;
		unlike($complaint, qr/server closed|terminated|PANIC|XX000/, "$layout, $what: nothing worse");
		damage($offset, $old);
		# VACUUM and inserts may have met the damage and left their own changes: start from a new index each time.
		$node->safe_psql('postgres', 'REINDEX INDEX i_vector_l2');
		find_file();
	}

	# Random bytes over random places, the same ones in every run.
	foreach my $round (1 .. 8)
	{
		my ($offset, $bytes) = ((1 + next_random($blocks - 1)) * $block_size + next_random($block_size - 64), '');
		$bytes .= chr(next_random(256)) for (1 .. 64);
		damage($offset, $bytes);
		unlike(use_index(), qr/server closed|terminated|PANIC/, "$layout, round $round: the server lives");
		$node->safe_psql('postgres', 'REINDEX INDEX i_vector_l2');
		find_file();
	}

	# A page that was added and never written is free space.
	$node->stop;
	open my $file, '>>:raw', $path or die "$path: $!";
	print $file "\0" x (2 * $block_size);
	close $file;
	$node->start;
	is(use_index(), '', 'zeroed pages at the end are no damage');
	$node->safe_psql('postgres', "INSERT INTO points SELECT i, $values FROM generate_series(2001, 2200) i");
	cmp_ok(recall($node, $class, 10), '>=', 0.95, 'and are used by inserts');
	$node->safe_psql('postgres', 'DELETE FROM points WHERE id > 2000; DROP INDEX i_vector_l2; VACUUM points');
}

finish($node);
