# Ends the process at every crash point that the build has, lets the server recover, and looks at what is left: the table
# as it was committed, each index sound and with every row, its searches as good as before; then goes on working with
# it and looks again. A point that no scenario reaches is a failure.
#
# Every run ends at each point at least once, somewhere; VECX_NIGHTLY=1: in every kind of index and every scenario that
# reaches it, at the first or the last pass and one between. For parts side by side, VECX_WHERE names a file that a run
# with VECX_PART=-1/N fills with what reaches what, and VECX_PART=K/N tries the K-th (from 0) of N parts.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::Bin/../perl";
use VecxTest;
use VecxSubjects;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $nightly = $ENV{VECX_NIGHTLY};
my $dir = PostgreSQL::Test::Utils::tempdir();
my $trace = "$dir/trace";
# Few buffers, so that pages go to disk all the time.
my $node = new_node('points', conf => "session_preload_libraries = 'vecx'\nvecx.crash_trace = '$trace'\nshared_buffers = 1MB\n"
	  . "restart_after_crash = on\nmax_wal_size = 64MB\nmin_wal_size = 32MB\n");
create_functions($node);
my @subjects = subjects();
my %subject = map { $_->{name} => $_ } @subjects;
my $next = 100001; # the next new row

# The points of the build. A name of a page change stands for three.
sub listed_points
{
	my $library = $node->safe_psql('postgres', "SELECT setting || '/vecx.so' FROM pg_config() WHERE name = 'PKGLIBDIR'");
	my $bytes = slurp_file($library);
	my %stages = (site => [qw(/before /changed /logged)], extend => [qw(/extended /changed /logged)], point => ['']);
	my %points;
	while ($bytes =~ /crash-(site|extend|point):([a-z0-9_.]+)(?=\0)/g)
	{
		$points{"$2$_"} = 1 foreach @{ $stages{$1} };
	}
	return sort keys %points;
}

# A scenario: what is done before; what is to be ended; after which point of it another session runs to its end; what is
# done after. All of it ends well without a crash.
sub scenarios
{
	my ($s) = @_;
	my ($t, $g, $n) = ("t_$s->{name}", "g_$s->{name}", $s->{name});
	my $many = int($s->{rows} / 8) + 15;
	my $first = $next;
	my $turn = int($first / 1000);
	$next += 1000;
	my $rows = sub { my ($from, $count) = @_; return "SELECT generate_series($first + $from, $first + $from + $count - 1)" };
	my $copies = sub { my ($from, $count) = @_; return "SELECT 3000000000 + 30 * ($first + i) FROM generate_series($from, $from + $count - 1) i" };
	my $keep = "DELETE FROM $t WHERE id IN (SELECT id FROM $t ORDER BY id LIMIT greatest(0, (SELECT count(*) FROM $t) - $s->{rows}));";
	my $update = "UPDATE $t SET version = version + 1, v = CASE WHEN id % 3 = 0 THEN v ELSE " . value_sql($s, "id + $first") . " END WHERE id % 9 = $turn % 9;";
	# Lists split, drained and packed, pages retired, freed and used again: one VACUUM after the other, each with a younger horizon.
	my $again = "VACUUM $g; SELECT pg_current_xact_id();";
	my @reshape = map { { name => 'reshape', before => "TRUNCATE $g;" . fill($s, $g, $rows->(0, $_)), run => $again x 4,
		after => fill($s, $g, $rows->(600, 60)) . "DELETE FROM $g WHERE id % 3 = 0; VACUUM $g;" } } $s->{reshape} // ();
	my @races = map {
		my $wait = $_->{wait};
		my %by = (empty => [ 10, 10, $rows ], grown => [ $s->{rows} + 60, 300, $rows ], copies => [ 150, 40, $copies ]);
		my ($mine, $others, $ids) = @{ $by{ $_->{into} } };
		{ name => "race:$wait", before => "TRUNCATE $g;", wait => $wait, run => fill($s, $g, $ids->(0, $mine)),
			second => fill($s, $g, $ids->(500, $others)), after => "DELETE FROM $g WHERE id % 3 = 0; VACUUM $g;" }
	} @{ $s->{races} };
	# Nodes with one vector and different columns beside it: more of them than one has places for; another that gets in between; two sessions
	# that each have the first of them, which VACUUM must bring together. The last has a table of its own, for its INSERT is committed before.
	my $one = sub { my ($table, $version) = @_; return "INSERT INTO $table (id, version, v) SELECT 3000000000 + $first + $version, $version, " . value_sql($s, '0') . ";" };
	my $r = "r_$n";
	my @equals = map { (
		{ name => 'equals', before => "TRUNCATE $g;" . fill($s, $g, $rows->(0, $s->{rows})),
			run => "INSERT INTO $g (id, version, v) SELECT i, i / 30 - $first, " . value_sql($s, 'i') . " FROM (" . $copies->(0, 60) . ") s (i);",
			after => "DELETE FROM $g WHERE id % 7 = 0; VACUUM $g;" },
		{ name => 'race:equals', before => "TRUNCATE $g;" . fill($s, $g, "SELECT $first + i FROM generate_series(1, 8) i") . $one->($g, 1), wait => 'inlined.insert.node_written',
			run => $one->($g, 2), second => $one->($g, 3), after => "DELETE FROM $g WHERE id % 3 = 0; VACUUM $g;" },
		{ name => 'race:rings', before => "DROP TABLE IF EXISTS $r; CREATE TABLE $r (LIKE g_$n INCLUDING DEFAULTS); " . index_sql($s, $r, "i_$r") . fill($s, $r, "SELECT $first + i FROM generate_series(1, 8) i")
				. "CREATE OR REPLACE FUNCTION first_of_$r() RETURNS bigint LANGUAGE sql SET enable_seqscan = off AS \$\$ SELECT sum(version) FROM (SELECT version FROM $r ORDER BY v $s->{op} " . value_sql($s, '0') . " LIMIT 2) s \$\$;",
			wait => 'inlined.insert.node_written', run => $one->($r, 1) . "DELETE FROM $r WHERE id = $first + 1; VACUUM $r;", second => $one->($r, 2),
			after => "VACUUM $r; SELECT 1 / (first_of_$r() = (SELECT sum(version) FROM $r))::int;" }) } $s->{am} eq 'hnsw' ? $s->{columns} // () : ();
	return (
		{ name => 'insert', run => fill($s, $t, $rows->(0, $many)), after => "$keep VACUUM $t;" },
		{ name => 'grow', before => "TRUNCATE $g;", run => fill($s, $g, $rows->(0, $s->{rows} + 60)), after => "DELETE FROM $g WHERE id % 3 = 0; VACUUM $g;" },
		{ name => 'update', run => $update, after => "$keep VACUUM $t;" },
		# Most copies of common values go, so that their lists are emptied, and a quarter of the others.
		{ name => 'vacuum', before => fill($s, $t, $rows->(0, $many)) . fill($s, $t, $copies->(0, 60)) . "DELETE FROM $t WHERE id % 4 = $turn % 4 OR (id % 10 = 0 AND id % 70 <> 0);",
			run => "VACUUM (INDEX_CLEANUP on) $t;", after => fill($s, $t, $rows->(500, int($many / 2))) },
		{ name => 'build', run => index_sql($s, $t, "again_$n"), after => "DROP INDEX IF EXISTS again_$n;" },
		{ name => 'spill', set => "SET maintenance_work_mem = '1MB'; SET client_min_messages = warning;", run => index_sql($s, "b_$n", "again_b_$n", $s->{spill}{with}),
			after => "DROP INDEX IF EXISTS again_b_$n;" },
		{ name => 'unlogged', run => index_sql($s, "u_$n", "again_u_$n"), after => "DROP INDEX IF EXISTS again_u_$n;" },
		{ name => 'reindex', run => "REINDEX INDEX i_$t;" },
		@equals, @reshape, @races);
}

sub scenario
{
	my ($s, $name) = @_;
	my ($found) = grep { $_->{name} eq $name } scenarios($s);
	return $found;
}

# What is committed in a subject's tables.
sub contents
{
	my ($s) = @_;
	return $node->safe_psql('postgres', join ' UNION ALL ', map { "SELECT count(*) || ' ' || coalesce(sum(hashint8(id) + version::bigint * 1000003), 0) FROM ${_}_$s->{name}" } qw(t g));
}

sub wait_until
{
	my ($what, $done) = @_;
	my $end = time() + 120;
	until ($done->()) { die "timed out: $what" if time() > $end; sleep 0.03; }
	return;
}

sub recovered
{
	my ($out, $err);
	# A psql that is refused may end before it is told its statement, at which psql() dies.
	wait_until('recovery', sub { (eval { $node->psql('postgres', 'SELECT 1', stdout => \$out, stderr => \$err) } // 2) == 0 });
	return;
}

# Runs what a scenario runs, with `set` before. True when it ended well, false when the connection broke. `contents` gets
# what is committed when the crash comes.
sub run_scenario
{
	my ($s, $sc, $set, $contents) = @_;
	my $sql = $set . ($sc->{set} // '') . $sc->{run};
	my ($out, $err) = ('', '');
	if (!defined $sc->{wait})
	{
		$$contents = contents($s);
		my $rc = $node->psql('postgres', $sql, stdout => \$out, stderr => \$err, on_error_stop => 1);
		die "not a crash: $err" if $rc != 0 && $rc != 2;
		return $rc == 0;
	}
	my $go = "$dir/go";
	unlink $go;
	my $in = "SET application_name = 'first'; SET vecx.crash_wait = '$sc->{wait} 1 $go'; $sql\n\\q\n";
	my $first = IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err);
	wait_until('the first session waits', sub { $first->pumpable or die "it does not: $out $err"; $first->pump_nb;
		$node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'first' AND wait_event = 'Extension'") eq '1' });
	$node->safe_psql('postgres', $sc->{second});
	$$contents = contents($s);
	append_to_file($go, '');
	return 1 if $first->finish;
	die "not a crash: $err" if $err !~ /server closed|connection to server was lost/;
	return 0;
}

# The passes of each point in a scenario that ends well.
sub passes_of
{
	my ($s, $sc) = @_;
	my $alone = sub { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type IN ('client backend', 'parallel worker') AND pid <> pg_backend_pid()") eq '0' };
	my $ignored;
	wait_until('the session before ends', $alone);
	unlink $trace;
	run_scenario($s, $sc, '', \$ignored) or die "$sc->{name} ends with the server";
	wait_until('the session ends', $alone);
	my %passes;
	foreach (split /\n/, -e $trace ? slurp_file($trace) : '')
	{
		my ($name, $count) = split / /;
		$passes{$name} += $count;
	}
	return %passes;
}

my ($crashes, %crashes_by) = (0);
my @hows = qw(kill flush kill flush server);

# One crash and all that follows. Returns what is wrong, or ''.
sub try_point
{
	my ($s, $name, $point, $pass) = @_;
	my $how = $hows[ $crashes % @hows ];
	foreach my $try ($pass, 1, 1) # how often a point is passed depends on what was before
	{
		my $sc = scenario($s, $name);
		$node->safe_psql('postgres', $sc->{before}) if $sc->{before};
		$node->safe_psql('postgres', 'CHECKPOINT') if $crashes % 7 == 3;
		my @pids = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
		my $before;
		my $crashed = !run_scenario($s, $sc, "SET vecx.crash_point = '$point $try $how';", \$before);
		if ($crashed)
		{
			$crashes++;
			$crashes_by{$how}++;
			if ($how eq 'server')
			{
				push @pids, $node->{_pid};
				wait_until('all processes end', sub { !grep { kill 0, $_ } @pids });
				$node->{_pid} = undef;
				$node->start;
			}
			recovered();
			my $found = contents($s);
			return "the table is not as it was: $before, $found" if $found ne $before;
		}
		my $wrong = join ' ', verify($node, $s), verify($node, $s, table => "g_$s->{name}");
		return "right after: $wrong" if $wrong ne ' ';
		foreach my $statement (split /(?<=;)\s*/, ($sc->{after} // '') . "DELETE FROM t_$s->{name} WHERE id % 31 = " . $crashes % 31 . "; VACUUM t_$s->{name};")
		{
			$node->safe_psql('postgres', $statement);
		}
		$wrong = verify($node, $s, tidy => 1);
		return "after more work: $wrong" if $wrong ne '';
		return '' if $crashed;
	}
	return 'not reached';
}

my @listed = listed_points();
cmp_ok(scalar @listed, '>', 50, 'the build has crash points');
foreach my $s (@subjects)
{
	my $n = $s->{name};
	create_subject($node, $s);
	create_subject($node, $s, table => "g_$n", rows => 0);
	$node->safe_psql('postgres', "CREATE TABLE b_$n (id bigint, version int NOT NULL DEFAULT 0, v $s->{type}); CREATE UNLOGGED TABLE u_$n (LIKE b_$n INCLUDING ALL);"
		  . fill($s, "b_$n", "SELECT generate_series(1, $s->{spill}{rows})") . fill($s, "u_$n", 'SELECT generate_series(1, 30)'));
}

# What each scenario reaches, ended by nothing.
my %where;
my ($part, $parts) = ($ENV{VECX_PART} // '0/1') =~ m{^(-?\d+)/(\d+)$} or die 'VECX_PART is K/N';
foreach my $s ($part > 0 || ($parts > 1 && $part == 0) ? () : @subjects)
{
	foreach my $name (map { $_->{name} } scenarios($s))
	{
		my $sc = scenario($s, $name);
		$node->safe_psql('postgres', $sc->{before}) if $sc->{before};
		my %passes = passes_of($s, $sc);
		push @{ $where{$_} }, { subject => $s, scenario => $name, passes => $passes{$_} } foreach sort keys %passes;
		$node->safe_psql('postgres', $_) foreach split /(?<=;)\s*/, $sc->{after} // '';
	}
	is(join(' ', verify($node, $s), verify($node, $s, table => "g_$s->{name}")), ' ', "$s->{name}: everything holds without a crash");
}
if ($parts > 1 && $part >= 0)
{
	foreach (split /\n/, slurp_file($ENV{VECX_WHERE}))
	{
		my ($point, $name, $scenario, $passes) = split / /;
		push @{ $where{$point} }, { subject => $subject{$name}, scenario => $scenario, passes => $passes };
	}
}
elsif (defined $ENV{VECX_WHERE})
{
	unlink $ENV{VECX_WHERE};
	append_to_file($ENV{VECX_WHERE}, join '', map { my $p = $_; map { "$p $_->{subject}{name} $_->{scenario} $_->{passes}\n" } @{ $where{$p} } } sort keys %where);
}
if ($ENV{VECX_SHOW})
{
	foreach my $point (sort keys %where) { note("$point: " . join(', ', map { "$_->{subject}{name}/$_->{scenario} $_->{passes}" } @{ $where{$point} })) }
}
is(join(' ', grep { !$where{$_} } @listed), '', 'every crash point of the build is reached by a scenario');
is(join(' ', grep { my $point = $_; !grep { $_ eq $point } @listed } sort keys %where), '', 'every point that was reached is in the list');

# The random numbers of a run, the same everywhere.
my $seed = $ENV{VECX_SEED} // 1;
my $state = $seed;
sub draw { my ($below) = @_; $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) % $below; }

my ($at, $group, $last, $number, $counted) = (0, 0, '', 0, 0);
foreach my $point (grep { $where{$_} } @listed)
{
	(my $change = $point) =~ s{/.*}{};
	$group++ if $change ne $last;
	$at = $change eq $last ? $at + 1 : 0;
	$last = $change;
	my @places = grep { $_->{scenario} !~ /^race/ } @{ $where{$point} };
	@places = @{ $where{$point} } if !@places; # in a race only
	next if !$nightly && $point =~ m{/} && $at != ($group + $seed) % 3; # one of the three of a page change
	next if $counted++ % $parts != $part;
	$state += $counted if $parts > 1; # other draws than the other parts
	my $first = draw(scalar @places);
	@places = (@places[ $first .. $#places ], @places[ 0 .. $first - 1 ]);
	my (@wrong, @ended);
	foreach my $place (@places)
	{
		my %pass = map { $_ => 1 } $nightly ? ($number++ % 2 ? 1 : $place->{passes}, 1 + draw($place->{passes})) : (1 + draw($place->{passes}));
		%pass = (1 => 1) if $place->{scenario} =~ /^race/;
		foreach my $pass (sort { $a <=> $b } keys %pass)
		{
			my $wrong = try_point($place->{subject}, $place->{scenario}, $point, $pass);
			next if $wrong eq 'not reached'; # this time: it depends on what was before
			push @wrong, "$place->{subject}{name}, $place->{scenario}, pass $pass: $wrong" if $wrong ne '';
			push @ended, "$place->{subject}{name}/$place->{scenario}";
		}
		last if @ended && !$nightly;
	}
	push @wrong, 'no process ended there' if !@ended;
	is(join("\n", @wrong), '', "a crash at $point: " . join(' ', @ended));
}
note("$crashes crashes survived: " . join(', ', map { "$crashes_by{$_} by $_" } sort keys %crashes_by));
finish($node);
