#!/usr/bin/perl
# Euler's method in Perl, and how trueto talks to it (docs/any-language.md, contract 1). Needs nothing beyond Perl itself.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64 qw(encode_base64 decode_base64);
$| = 1;

my %code = (float32 => 'f<*', float64 => 'd<*');

sub say_line { print encode_json($_[0]), "\n" }
sub hear { my $line = <STDIN> // exit; return decode_json($line) }

# Karras et al. 2022, algorithm 2 without its correction.
sub euler {
    my ($denoise, $x, @sigmas) = @_;
    for my $i (0 .. $#sigmas - 1) {
        my $clean = $denoise->($x, $sigmas[$i], $i);
        my $dt = $sigmas[$i + 1] - $sigmas[$i];
        $x = [map { $x->[$_] + ($x->[$_] - $clean->[$_]) / $sigmas[$i] * $dt } 0 .. $#$x];
    }
    return $x;
}

# The model's own levels for n steps, and 0 at the end.
sub levels {
    my ($n, @log) = @_;
    my @found;
    for my $i (0 .. $n - 1) {
        my $t = $n == 1 ? $#log : $#log * (1 - $i / ($n - 1));
        my $low = int $t;
        my $high = $low < $t ? $low + 1 : $low;
        push @found, exp((1 - ($t - $low)) * $log[$low] + ($t - $low) * $log[$high]);
    }
    return (@found, 0);
}

# The training time that belongs to a level, linear in log sigma.
sub time_of {
    my ($sigma, @log) = @_;
    my ($low, $wanted) = (0, log $sigma);
    $low++ while $low < $#log - 1 && $log[$low + 1] <= $wanted;
    my $weight = ($log[$low] - $wanted) / ($log[$low] - $log[$low + 1]);
    return $low + ($weight < 0 ? 0 : $weight > 1 ? 1 : $weight);
}

sub sample {
    my ($asked) = @_;
    my $pack = $code{$asked->{dtype}};
    my $encode = sub { encode_base64(pack($pack, @{$_[0]}), '') };
    my @log = map { 0.5 * log((1 - $_) / $_) } unpack 'd<*', decode_base64($asked->{alphas_cumprod});
    my @sigmas = unpack $pack, pack $pack, levels($asked->{case}{steps}, @log);
    my $x = [map { $_ * $sigmas[0] } unpack $pack, decode_base64($asked->{noise})];
    my $denoise = sub {
        my ($at, $sigma, $step) = @_;
        my $scale = 1 / sqrt($sigma**2 + 1);
        my $input = $encode->([map { $_ * $scale } @$at]);
        say_line({ id => $asked->{id}, ask => 'network', x => $input, t => 0 + time_of($sigma, @log), step => $step });
        my @out = unpack $pack, decode_base64(hear()->{value});
        return [map { $at->[$_] - $sigma * $out[$_] } 0 .. $#out];
    };
    my $start = $encode->([map { $_ / sqrt($sigmas[0]**2 + 1) } @$x]);
    my $result = $encode->(euler($denoise, $x, @sigmas));
    say_line({ id => $asked->{id}, levels => \@sigmas, level_kind => 'sigma', start => $start, sample => $result });
}

while (my $line = <STDIN>) {
    my $asked = decode_json($line);
    if ($asked->{op} eq 'hello') {
        say_line({ id => $asked->{id}, contract => 1, version => '1.0', dtypes => ['float32', 'float64'] });
    } else {
        eval { sample($asked); 1 } or say_line({ id => $asked->{id}, error => 'die', message => "$@" });
    }
}
