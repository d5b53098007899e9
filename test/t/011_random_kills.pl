# Servers killed at random times under load: inserts, updates, deletes, VACUUM and searches at once on every kind of index.
# Some clients write down what the server has acknowledged; after recovery exactly that is in the tables, every index
# is sound and has every row, and searches find them. VECX_ROUNDS: how many times, 5; 60 with VECX_NIGHTLY=1.
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

my $rounds = $ENV{VECX_ROUNDS} // ($ENV{VECX_NIGHTLY} ? 60 : 5);
my $clients = 4;
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = new_node('kills', conf => "shared_buffers = 2MB\nrestart_after_crash = on\nmax_wal_size = 64MB\nmin_wal_size = 32MB\ncheckpoint_timeout = 30s\n");
create_functions($node);
my @subjects = subjects();
my ($wide) = grep { $_->{dims} >= 1000 } @subjects; # costs most
my @narrow = grep { $_ != $wide } @subjects;
create_subject($node, $_) foreach @subjects;
$node->safe_psql('postgres', 'CREATE SEQUENCE others START 1000000000'); # rows that nobody writes down

my $state = $ENV{VECX_SEED} // 1;
sub draw { my ($below) = @_; $state = ($state * 1103515245 + 12345) % 2147483648; return int($state / 65536) % $below; }

# What pgbench does beside: on a table of chance each time.
my (@files, %script);
foreach my $s (@subjects)
{
	my ($t, $n) = ("t_$s->{name}", $s->{name});
	$script{"insert_$n\@3"} = fill($s, $t, "SELECT nextval('others') FROM generate_series(1, 2)");
	$script{"update_$n\@2"} = "UPDATE $t SET version = $t.version + 1, v = " . value_sql($s, 'n') . " FROM
		(SELECT id, CASE WHEN id % 3 = 0 THEN id ELSE id + 5000000 END AS n FROM $t WHERE id >= 1000000000 ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED) s WHERE $t.id = s.id;";
	$script{"delete_$n\@2"} = "DELETE FROM $t WHERE id IN (SELECT id FROM $t WHERE id >= 1000000000 ORDER BY random() LIMIT 3 FOR UPDATE SKIP LOCKED);";
	$script{"vacuum_$n\@1"} = "VACUUM (TRUNCATE false) $t;";
	$script{"search_$n\@2"} = "SET enable_seqscan = off; SELECT id FROM $t ORDER BY v $s->{op} asked_of((random() * 1000)::bigint, $s->{dims})::$s->{type} LIMIT 20;";
}
foreach my $name (sort keys %script)
{
	my ($file, $weight) = split /@/, $name;
	append_to_file("$dir/$file.sql", $script{$name});
	push @files, '-f', "$dir/$file.sql\@$weight";
}

# What must be in the tables: version by table and id. Client c has the rows with id % clients = c.
my %model;
foreach my $s (@subjects) { $model{"t_$s->{name}"}{$_} = 0 foreach 1 .. $s->{rows}; }
my %next_id = map { $_ => 1000 * $clients + $_ } 0 .. $clients - 1;

# The statements of one client for one round: op, table, id, version.
sub work_of
{
	my ($client, $count) = @_;
	my %mine = map { my $t = $_; $t => { map { $_ => $model{$t}{$_} } grep { $_ % $clients == $client } keys %{ $model{$t} } } } keys %model;
	my @ops;
	foreach (1 .. $count)
	{
		my $s = draw(16) == 0 ? $wide : $narrow[ draw(scalar @narrow) ];
		my $t = "t_$s->{name}";
		my @ids = sort { $a <=> $b } keys %{ $mine{$t} };
		my $what = draw(10);
		if ($what < 4 + (@ids < $s->{rows} / $clients / 2 ? 2 : 0) - (@ids > $s->{rows} / $clients * 1.5 ? 3 : 0) || !@ids)
		{
			my $id = $next_id{$client};
			$next_id{$client} += $clients;
			push @ops, [ 'insert', $s, $id, 0 ];
			$mine{$t}{$id} = 0;
			next;
		}
		my $id = $ids[ draw(scalar @ids) ];
		if ($what < 7)
		{
			push @ops, [ 'update', $s, $id, ++$mine{$t}{$id} ];
		}
		else
		{
			push @ops, [ 'delete', $s, $id, 0 ];
			delete $mine{$t}{$id};
		}
	}
	return @ops;
}

sub statement
{
	my ($what, $s, $id, $version) = @_;
	my $t = "t_$s->{name}";
	return fill($s, $t, "SELECT $id") if $what eq 'insert';
	return "DELETE FROM $t WHERE id = $id;" if $what eq 'delete';
	return "UPDATE $t SET version = $version WHERE id = $id;" if $version % 3 == 2; # the vector stays
	return "UPDATE $t SET version = $version, v = " . value_sql($s, $id + 10000000 * $version) . " WHERE id = $id;";
}

sub apply
{
	my ($rows, $what, $s, $id, $version) = @_;
	if ($what eq 'delete') { delete $rows->{"t_$s->{name}"}{$id}; }
	else { $rows->{"t_$s->{name}"}{$id} = $version; }
	return;
}

sub wait_until
{
	my ($what, $done) = @_;
	my $end = time() + 120;
	until ($done->()) { die "timed out: $what" if time() > $end; sleep 0.05; }
	return;
}

my ($acknowledged, $lost, %ended) = (0, 0);
foreach my $round (1 .. $rounds)
{
	my (@load, @ops);
	my @errors = ('') x ($clients + 1);
	foreach my $client (0 .. $clients - 1)
	{
		$ops[$client] = [ work_of($client, 1500) ];
		my $n = 0;
		my $file = "$dir/client$client.sql";
		unlink $file, "$dir/said$client";
		append_to_file($file, join '', map { statement(@$_) . "\n\\echo " . $n++ . "\n" } @{ $ops[$client] });
		push @load, IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $file ], '>', "$dir/said$client", '2>', \$errors[$client]);
	}
	push @load, IPC::Run::start([ 'pgbench', '--no-vacuum', '--client=3', '--time=60', "--random-seed=$round", '-d', $node->connstr('postgres'), @files ], '>&', \$errors[$clients]);
	my $end = time() + 0.5 + draw(150) / 100;
	while (time() < $end) { $_->pump_nb foreach grep { $_->pumpable } @load; sleep 0.02; }

	my $how = (qw(server immediate backend))[ $round % 3 ];
	$ended{$how}++;
	my ($ids, @pids) = ('');
	$ids = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()" . ($how eq 'backend' ? " AND backend_type = 'client backend' ORDER BY pid" : ''));
	@pids = split /\n/, $ids;
	if ($how eq 'immediate') { $node->stop('immediate'); }
	elsif ($how eq 'backend') { kill 9, $pids[ draw(scalar @pids) ] or die 'no client was left to kill'; }
	else
	{
		push @pids, $node->{_pid};
		$node->kill9;
		kill 9, @pids;
	}
	wait_until('clients end', sub { $_->pump_nb foreach grep { $_->pumpable } @load; !grep { $_->pumpable } @load });
	$_->finish foreach @load;
	if ($how ne 'backend')
	{
		wait_until('all processes end', sub { !grep { kill 0, $_ } @pids });
		$node->start;
	}
	my ($out, $err);
	wait_until('recovery', sub { $node->psql('postgres', 'SELECT 1', stdout => \$out, stderr => \$err) == 0 });
	my @unexpected = grep { /ERROR|FATAL|PANIC/ && !/terminating connection|server closed|starting up|recovery mode|shutting down|deadlock/ } map { split /\n/ } @errors;
	is(join("\n", @unexpected), '', "round $round: no error before the end by $how");

	# What was acknowledged is there; of each client's first statement that was not, nobody knows.
	my %open;
	foreach my $client (0 .. $clients - 1)
	{
		my @said = split /\n/, slurp_file("$dir/said$client");
		my $count = @said && $said[-1] =~ /^\d+$/ ? $said[-1] + 1 : 0;
		$acknowledged += $count;
		apply(\%model, @{ $ops[$client][$_] }) foreach 0 .. $count - 1;
		my $next = $ops[$client][$count];
		$open{"t_$next->[1]{name} $next->[2]"} = $next if defined $next;
	}
	my @wrong;
	foreach my $t (sort keys %model)
	{
		my %there = map { split /\|/ } split /\n/, $node->safe_psql('postgres', "SELECT id, version FROM $t WHERE id < 1000000000");
		my %ids = (%there, %{ $model{$t} });
		foreach my $id (sort { $a <=> $b } keys %ids)
		{
			my ($is, $was) = map { $_ // 'gone' } $there{$id}, $model{$t}{$id};
			next if $is eq $was;
			my $next = $open{"$t $id"};
			next if defined $next && $is eq ($next->[0] eq 'delete' ? 'gone' : $next->[3]);
			push @wrong, "$t row $id is $is and not $was";
		}
		$model{$t} = \%there;
	}
	$lost += @wrong;
	is(join("\n", @wrong), '', "round $round: all that was acknowledged is there, and nothing else");
	is(verify_all($node, @subjects), '', "round $round: indexes are sound, and searches find every row, after the end by $how");
}
foreach my $s (@subjects)
{
	$node->safe_psql('postgres', "VACUUM t_$s->{name}");
	is(verify($node, $s, tidy => 1), '', "$s->{name}: VACUUM tidies up");
}
cmp_ok($acknowledged, '>', 50 * $rounds, 'clients were told of their work');
note("$rounds rounds, ended by " . join(', ', map { "$_ $ended{$_} times" } sort keys %ended) . "; $acknowledged statements acknowledged, $lost rows lost or not as they were");
finish($node);
