# What a scan of an index sees: the rows of its snapshot and nothing else, for every access method. Own changes, undone
# subtransactions, prepared transactions, HOT updates, cursors that live on (isolation levels between sessions are in
# test/isolation). Every answer is compared with that of a scan of the table.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use VecxStress;
use Test::More;

my $node = new_node('visibility', conf => "max_prepared_transactions = 5\n");
create_functions($node);
# Whether scans of the index and of the table agree, in the transaction of the caller: 'same', or what differs.
$node->safe_psql('postgres', q{
	CREATE FUNCTION agree(relation text, col text, op text) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM assert_complete(relation, col, op, 3);
		RETURN 'same';
	EXCEPTION WHEN raise_exception THEN
		RETURN SQLERRM;
	END $$;
	-- Inserts, and fails in a block that catches it.
	CREATE FUNCTION try_insert(relation text, first bigint, n int) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN
		EXECUTE format('INSERT INTO %I SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM generate_series(%s, %s) i', relation, first, first + n - 1);
		PERFORM 1 / 0;
		RETURN 'not reached';
	EXCEPTION WHEN division_by_zero THEN
		RETURN 'undone';
	END $$});

foreach my $method (methods())
{
	my ($name, $c, $op) = @{$method}{qw(name column op)};
	my $type = $c eq 'h' ? 'halfvec(24)' : 'vector(24)';
	my $t = "t_$name";
	create_table($node, $t, 300, $method);
	my $on = settings();
	my $agree = "SELECT agree('$t', '$c', '$op')";
	my $insert = sub { "INSERT INTO $t SELECT i, vector_of(i), vector_of(i)::halfvec(24) FROM generate_series($_[0], $_[1]) i;" };
	my $nearest = sub { "$on SELECT id FROM $t ORDER BY $c $op vector_of($_[0])::$type LIMIT 1" };
	my $sql = sub { my $r = $node->safe_psql('postgres', join(';', 'SET client_min_messages = warning', @_)); $r =~ s/\n+/,/g; return $r };

	like($node->safe_psql('postgres', "$on EXPLAIN SELECT id FROM $t ORDER BY $c $op vector_of(1)::$type LIMIT 1"), qr/Index Scan using ${t}_$name/, "$name: searches use the index");

	# Own changes, before they are committed.
	is($sql->('BEGIN', $insert->(1001, 1020), $nearest->(1007), $agree, 'ROLLBACK'), '1007,same', "$name: a transaction sees what it inserted");
	isnt($sql->($nearest->(1007)), '1007', "$name: what was rolled back is not seen");
	is($sql->($agree), 'same', "$name: nor counted");
	is($sql->('BEGIN', "DELETE FROM $t WHERE id BETWEEN 1 AND 100", $agree, "UPDATE $t SET v = vector_of(id + 9000), h = vector_of(id + 9000)::halfvec(24) WHERE id BETWEEN 101 AND 150",
			$nearest->(9111), $agree, 'ROLLBACK', $nearest->(7), $agree), 'same,111,same,7,same', "$name: own deletes and updates, and their end");

	# Subtransactions: savepoints and exception blocks.
	is($sql->('BEGIN', $insert->(1101, 1110), 'SAVEPOINT a', $insert->(1111, 1120), 'SAVEPOINT b', $insert->(1121, 1130), "DELETE FROM $t WHERE id <= 20", $agree,
			'ROLLBACK TO b', $agree, $nearest->(1113), 'RELEASE a', $agree, 'SAVEPOINT c', "DELETE FROM $t WHERE id = 1103", 'ROLLBACK TO c', 'COMMIT', $nearest->(1103), $agree),
		'same,same,1113,same,1103,same', "$name: savepoints");
	isnt($sql->($nearest->(1123)), '1123', "$name: what a savepoint undid is not seen");
	is($sql->("SELECT try_insert('$t', 1201, 10)", $agree, "BEGIN", "SELECT try_insert('$t', 1201, 10)", $insert->(1201, 1203), $nearest->(1202), 'COMMIT', $agree),
		'undone,same,undone,1202,same', "$name: an exception block undoes its inserts, and the same rows go in again");

	# Prepared transactions.
	is($sql->('BEGIN', $insert->(1301, 1310), "DELETE FROM $t WHERE id BETWEEN 21 AND 40", "PREPARE TRANSACTION '$name'", $agree, $nearest->(23)), 'same,23', "$name: prepared: not yet");
	$node->stop('immediate');
	$node->start;
	is($sql->($agree, $nearest->(23), "VACUUM $t", $agree, "COMMIT PREPARED '$name'", $nearest->(1305), $agree), 'same,23,same,1305,same', "$name: prepared before a crash, committed after it and a VACUUM");
	is($sql->('BEGIN', $insert->(1311, 1320), "PREPARE TRANSACTION '$name'", "VACUUM $t", "ROLLBACK PREPARED '$name'", $agree, "VACUUM $t", $agree,
			"SELECT vecx_check_index('${t}_$name', true) = (SELECT count(*) FROM $t)"), 'same,same,t', "$name: prepared and rolled back");

	# HOT updates: the index has the root of a chain, the table the version that is seen; then pruning, then VACUUM.
	my $hot = $sql->("UPDATE $t SET note = 1 WHERE id BETWEEN 200 AND 260", "UPDATE $t SET note = note + 1 WHERE id BETWEEN 200 AND 260",
		"SELECT count(*) FROM $t WHERE id BETWEEN 200 AND 260 AND note = 2", $agree, "$on SELECT note FROM $t ORDER BY $c $op vector_of(207)::$type LIMIT 1",
		"VACUUM $t", $agree, "$on SELECT note FROM $t ORDER BY $c $op vector_of(207)::$type LIMIT 1");
	is($hot, '61,same,2,same,2', "$name: HOT updates");
	cmp_ok($sql->("SELECT pg_sleep(0.6)", "SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = '$t'") =~ s/^,//r, '>', 50, "$name: they were HOT");

	# Cursors. One that is open over a VACUUM by the same session cannot be; other sessions' are in test/isolation. Here: over
	# own changes, which it does not see, and WITH HOLD, which is computed at commit.
	is($sql->('BEGIN', "$on DECLARE c CURSOR FOR SELECT id FROM $t ORDER BY $c $op vector_of(51)::$type", 'FETCH 1 FROM c', "DELETE FROM $t WHERE id = 52", $insert->(1401, 1410),
			"MOVE 100 FROM c", "CREATE TEMP TABLE seen AS SELECT 1", "COMMIT"), '51', "$name: a cursor over own changes");
	my $rows = $sql->("SELECT count(*) FROM $t");
	my $held = $sql->("BEGIN", "$on DECLARE c CURSOR WITH HOLD FOR SELECT id FROM $t ORDER BY $c $op vector_of(51)::$type", "FETCH 1 FROM c", "COMMIT", "DELETE FROM $t", "VACUUM $t",
		"FETCH ALL FROM c");
	is(scalar(split /,/, $held), $rows, "$name: WITH HOLD returns every row, although all were deleted and vacuumed away");
	is($sql->("SELECT vecx_check_index('${t}_$name', true)"), '0', "$name: and the index is empty then");
	is($sql->($insert->(1, 200), $agree, $nearest->(77)), 'same,77', "$name: and takes rows again");

	# Backwards only what SCROLL materialises; without it the executor refuses.
	my $scroll = $sql->("BEGIN", "$on DECLARE c SCROLL CURSOR FOR SELECT id FROM $t ORDER BY $c $op vector_of(77)::$type", "FETCH 3 FROM c", "FETCH BACKWARD 2 FROM c", "FETCH FIRST FROM c",
		"FETCH ABSOLUTE 3 FROM c", "FETCH LAST FROM c", "COMMIT");
	my @ids = split /,/, $scroll;
	is("@ids[3, 4, 5, 6]", "@ids[1, 0, 0, 2]", "$name: a SCROLL cursor goes back the way it came");
	my ($rc, $out, $err) = $node->psql('postgres', "BEGIN; $on DECLARE c NO SCROLL CURSOR FOR SELECT id FROM $t ORDER BY $c $op vector_of(77)::$type; FETCH 3 FROM c; FETCH BACKWARD 1 FROM c");
	like($err, qr/cursor can only scan forward/, "$name: NO SCROLL cannot");

	# The same scan again with other arguments, in one statement. Every tenth row is equal to row 1, row 2 or one that is not there.
	is($sql->("$on SELECT count(*) FROM generate_series(1, 60) i CROSS JOIN LATERAL (SELECT id FROM $t ORDER BY $c $op vector_of(i)::$type LIMIT 1) s WHERE s.id = i AND i % 10 > 0 AND i > 2"), '52', "$name: rescans");
	is($sql->($agree, "SELECT vecx_check_index('${t}_$name', true) = (SELECT count(*) FROM $t)"), 'same,t', "$name: sound at the end");
}
clean_log($node, 'visibility');
finish($node);
