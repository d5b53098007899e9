# The kinds of index that the reliability tests run on, and what must be true of one whatever happened to it. A new access
# method or layout is a line in subjects(); every test here then covers it.
package VecxSubjects;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(subjects create_functions create_subject fill value_sql index_sql verify verify_all whole_answers);

# columns: of the index, behind v.
# name: of the table t_<name> and the index i_<name>; am, with: access method and options; type, opclass, op, dims: of
# column v; rows: how many the table starts with; spill: how many rows are too many for the memory of a build, and its
# options; recall: the floor, at 10 of 20 queries; settings: of the session that searches; reshape: that VACUUM writes lists
# anew, so many rows in a table that was empty are enough for a split.
# races: for crash points that only one of two sessions can reach: the first waits at a point until the second is done,
# both inserting into an empty table (empty), enough rows to change what a small index is (grown), or copies of one value.
my @plain_races = ({ wait => 'plain.insert.node_written', into => 'empty' });
my @inlined_races = (
	{ wait => 'inlined.insert.node_written', into => 'empty' },
	{ wait => 'inlined.entry.sampled', into => 'grown' },
	{ wait => 'inlined.tids.chunk_written', into => 'copies' });

sub subjects
{
	my %flat = (dims => 24, rows => 400, am => 'hnsw');
	# Every list is searched: what an inverted file promises of a row is that it is in one of its lists.
	my %lists = (rows => 400, am => 'ivf', races => [], reshape => 560, settings => [ 'ivf.probes = 10000', 'ivfflat.probes = 10000' ]);
	return (
		{ %flat, name => 'plain', with => 'layout = plain', type => 'vector(24)', opclass => 'vector_l2_ops', op => '<->',
			spill => { rows => 2500, with => 'layout = plain, m = 8, ef_construction = 16' }, races => \@plain_races },
		{ %flat, name => 'inline', with => 'layout = inline', type => 'vector(24)', opclass => 'vector_l2_ops', op => '<->',
			spill => { rows => 9000, with => 'layout = inline, m = 8, ef_construction = 16' }, races => \@inlined_races },
		{ %flat, name => 'compact', with => 'layout = compact', type => 'halfvec(24)', opclass => 'halfvec_cosine_ops', op => '<=>',
			spill => { rows => 9000, with => 'layout = compact, m = 8, ef_construction = 16' }, races => \@inlined_races },
		# a column behind the vector
		{ %flat, name => 'columns', with => 'layout = inline', type => 'vector(24)', opclass => 'vector_l2_ops', op => '<->', columns => ', version',
			spill => { rows => 9000, with => 'layout = inline, m = 8, ef_construction = 16' }, races => [ @inlined_races, { wait => 'inlined.directory.leaf_written', into => 'empty' } ] },
		# values of several pages
		{ %flat, name => 'wide', with => 'layout = plain', type => 'vector(3000)', opclass => 'vector_ip_ops', op => '<#>', dims => 3000, rows => 60,
			spill => { rows => 150, with => 'layout = plain' }, races => \@plain_races },
		# Lists of several pages of postings, with codes and with vectors on pages of their own, and a column behind the vector; ivfflat has
		# all on one.
		{ %lists, name => 'coded', with => 'lists = 2, quantizer = rabitq, bits = 6', type => 'vector(256)', opclass => 'vector_l2_ops', op => '<->', dims => 256,
			spill => { rows => 1200, with => 'lists = 3, bits = 6' } },
		{ %lists, name => 'kept', with => 'lists = 2, quantizer = rabitq, rerank = index, bits = 7', type => 'halfvec(256)', opclass => 'halfvec_cosine_ops', op => '<=>', dims => 256, columns => ', version',
			spill => { rows => 1200, with => 'lists = 3, rerank = index' } },
		{ %lists, name => 'flat', am => 'ivfflat', with => 'lists = 4', type => 'vector(24)', opclass => 'vector_l2_ops', op => '<->', dims => 24,
			spill => { rows => 9000, with => 'lists = 20' } });
}

# value_of(i, dims): clustered whole numbers, the same everywhere; one row in ten is the copy of one of three common values,
# so that lists of heap TIDs grow and go. asked_of(i, dims): in the same clusters, and in no table.
sub create_functions
{
	my ($node, $database) = @_;
	$node->safe_psql($database // 'postgres', q{
		CREATE FUNCTION asked_of(i bigint, dims int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
			SELECT array_agg((abs(hashint8extended(i % 16, j) % 60) + abs(hashint8extended(i, j) % 40))::real ORDER BY j)
			FROM generate_series(1, dims) j $$;
		CREATE FUNCTION value_of(i bigint, dims int) RETURNS real[] LANGUAGE sql IMMUTABLE AS $$
			SELECT asked_of(CASE WHEN i % 10 = 0 THEN i / 10 % 3 ELSE i END, dims) $$;
		-- Recall at 10 of 20 queries through the index, by distances, for equal distances are equally right; rows that a
		-- search for their own value does not return first; rows of a scan to the end. Tables have columns id and v.
		CREATE FUNCTION quality(tab text, op text, type text, dims int, OUT recall float8, OUT lost bigint, OUT scanned bigint, OUT doubles bigint)
		LANGUAGE plpgsql AS $$
		DECLARE
			q text;
			exact float8[];
			found float8[];
			hits int := 0;
			wanted int := 0;
			body text;
		BEGIN
			FOR k IN 1..20 LOOP
				q := asked_of(1000000000 + k, dims)::text;
				body := format('SELECT array_agg(d) FROM (SELECT v %s %L::real[]::%s AS d FROM %s ORDER BY v %s %L::real[]::%s LIMIT 10) s',
					op, q, type, tab, op, q, type);
				PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
				EXECUTE body INTO exact;
				PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
				EXECUTE body INTO found;
				wanted := wanted + coalesce(cardinality(exact), 0);
				hits := hits + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[cardinality(exact)]);
			END LOOP;
			recall := CASE wanted WHEN 0 THEN 1 ELSE hits::float8 / wanted END;
			-- Under inner product a value is not nearest to itself.
			IF op = '<#>' THEN
				lost := 0;
			ELSE
				EXECUTE format('WITH own AS MATERIALIZED (SELECT v AS x, count(*) AS copies FROM (SELECT * FROM %1$s OFFSET 0) t GROUP BY v)
					SELECT count(*) FROM own WHERE copies <> (SELECT count(*) FROM
						(SELECT v AS y FROM %1$s ORDER BY v %2$s own.x LIMIT own.copies) s WHERE s.y = own.x)', tab, op) INTO lost;
			END IF;
			EXECUTE format('SELECT count(*), count(*) - count(DISTINCT id) FROM (SELECT id FROM %s ORDER BY v %s %L::real[]::%s) s',
				tab, op, q, type) INTO scanned, doubles;
		END $$});
	return;
}

# SQL of the value of row `i`.
sub value_sql { my ($subject, $i) = @_; return "value_of($i, $subject->{dims})::$subject->{type}"; }

# INSERT of the rows of a query that gives column i.
sub fill
{
	my ($subject, $table, $query) = @_;
	return "INSERT INTO $table (id, v) SELECT i, " . value_sql($subject, 'i') . " FROM ($query) s (i);";
}

# Table and index, with rows 1 to `rows`.
sub create_subject
{
	my ($node, $subject, %params) = @_;
	my $name = $params{table} // "t_$subject->{name}";
	my $rows = $params{rows} // $subject->{rows};
	my $kind = $params{unlogged} ? 'UNLOGGED' : '';
	$node->safe_psql($params{database} // 'postgres', "CREATE $kind TABLE $name (id bigint PRIMARY KEY, version int NOT NULL DEFAULT 0, v $subject->{type}) WITH (fillfactor = 70);"
		  . fill($subject, $name, "SELECT generate_series(1, $rows)")
		  . index_sql($subject, $name, "i_$name") . "ANALYZE $name;");
	return;
}

sub index_sql
{
	my ($subject, $table, $index, $with) = @_;
	$with //= $subject->{with};
	return "CREATE INDEX $index ON $table USING $subject->{am} (v $subject->{opclass}" . ($subject->{columns} // '') . ") WITH ($with);";
}

# Everything that must hold of table and index; returns what does not, or ''. With `tidy`, VACUUM has just run and nothing
# has since: then every living node can be reached.
sub verify
{
	my ($node, $subject, %params) = @_;
	my $table = $params{table} // "t_$subject->{name}";
	my $least = $subject->{recall} // 0.95;
	my $settings = join '', map { "SET $_;" } @{ $subject->{settings} // [] };
	my ($out, $err);
	my $rc = $node->psql($params{database} // 'postgres', "$settings SELECT vecx_check_index('i_$table', true);
		SELECT recall, lost, scanned, doubles, (SELECT count(*) FROM (SELECT id FROM $table OFFSET 0) s) FROM quality('$table', '$subject->{op}', '$subject->{type}', $subject->{dims});",
		stdout => \$out, stderr => \$err, on_error_stop => 1);
	return "i_$table: $err" if $rc != 0;
	my ($tids, $line) = split /\n/, $out;
	my ($recall, $lost, $scanned, $doubles, $rows) = split /\|/, $line;
	my @wrong;
	push @wrong, "the index has $tids heap TIDs, the table $rows rows" if $tids < $rows;
	push @wrong, "recall $recall is below $least" if $recall < $least;
	push @wrong, "$lost values are not found by a search for them" if $lost > 0;
	push @wrong, "a scan to the end returns $scanned rows of $rows, $doubles twice" if $scanned != $rows || $doubles > 0;
	push @wrong, $err if $params{tidy} && $err ne '';
	if ($subject->{columns})
	{
		foreach my $condition ('version = 0', 'version > 0', 'version = ANY (ARRAY[1, 2])')
		{
			my $q = "FROM (SELECT id, v $subject->{op} asked_of(1000000001, $subject->{dims})::$subject->{type} FROM $table WHERE $condition ORDER BY 2) s";
			my $same = $node->safe_psql($params{database} // 'postgres', "SET enable_seqscan = off; SET enable_sort = off;
				SELECT coalesce(array_agg(id ORDER BY id), '{}') AS found $q \\gset
				RESET enable_seqscan; RESET enable_sort; SET enable_indexscan = off;
				SELECT :'found'::bigint[] = (SELECT coalesce(array_agg(id ORDER BY id), '{}') $q)");
			push @wrong, "rows of $condition are not those of the table" if $same ne 't';
		}
	}
	return join '; ', map { "i_$table: $_" } @wrong;
}

sub verify_all
{
	my ($node, @subjects) = @_;
	return join '; ', grep { $_ ne '' } map { verify($node, $_) } @subjects;
}

# What searches answer, to be compared between two servers: ids, in order, of 20 queries.
sub whole_answers
{
	my ($node, $subject, %params) = @_;
	my $table = $params{table} // "t_$subject->{name}";
	return $node->safe_psql($params{database} // 'postgres', "SET enable_seqscan = off; SET enable_sort = off;
		SELECT array_agg(s.id) FROM generate_series(1, 20) k CROSS JOIN LATERAL
			(SELECT id FROM $table ORDER BY v $subject->{op} asked_of(1000000000 + k, $subject->{dims})::$subject->{type} LIMIT 50) s");
}

1;
