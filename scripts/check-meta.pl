#!/usr/bin/env perl
# Checks META.json against the rules of the PGXN Meta Spec 1.0.0 that apply to it; core Perl only.
use strict;
use warnings;
use JSON::PP;

my $file = shift // 'META.json';
open(my $in, '<:raw', $file) or die "$file: $!\n";
my $meta = decode_json(do { local $/; <$in> });
my @faults;
sub rule { my ($holds, $what) = @_; push @faults, $what unless $holds }

my $semver = qr/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+)?$/;
my $term = qr{^[^\s/\\\p{Cntrl}]{2,}$};
my %license = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1
    gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib
    open_source restricted unrestricted unknown);

for my $key (qw(name abstract version maintainer license provides meta-spec)) {
    rule(exists $meta->{$key} && length $meta->{$key}, "$key is required");
}
rule($meta->{name} =~ $term, 'name is not a term');
rule($meta->{version} =~ $semver, 'version is not a semantic version');
rule($license{ $meta->{license} }, 'license is not one of the known words');
rule(($meta->{release_status} // 'stable') =~ /^(stable|testing|unstable)$/, 'release_status');
rule($meta->{'meta-spec'}{version} eq '1.0.0', 'meta-spec.version');
while (my ($name, $extension) = each %{ $meta->{provides} }) {
    rule($name =~ $term, "provides: $name is not a term");
    rule(($extension->{version} // '') =~ $semver, "provides.$name.version is not a semantic version");
    rule(length($extension->{file} // ''), "provides.$name.file is required");
    rule(!defined $extension->{docfile} || -f $extension->{docfile}, "provides.$name.docfile does not exist");
}
for my $phase (values %{ $meta->{prereqs} // {} }) {
    for my $relation (values %$phase) {
        rule($_ =~ $semver || $_ eq '0', "prereqs: $_ is not a version") for values %$relation;
    }
}
rule(length($_) >= 2 && length($_) < 256 && !m{[/\\]}, "tag $_") for @{ $meta->{tags} // [] };
my %known = map { $_ => 1 } qw(name version abstract description maintainer license provides prereqs release_status
    resources tags no_index generated_by meta-spec);
rule($known{$_} || /^x_/i, "unknown key $_") for keys %$meta;

print "$file: $_\n" for @faults;
exit(@faults ? 1 : 0);
