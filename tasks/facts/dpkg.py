"""What is left of installed packages. dpkg knows what it once put there, and does not look."""

from __future__ import annotations

import shlex
from typing import Dict, List, Sequence, Set

from pyinfra.api import FactBase

from tasks.facts.files import DONE

FAILED = ""  # no package has such a name

# Perl is part of every Debian; Python may be what is not there.
_START = r"""
my ($dpkg, @names) = @ARGV;
sub lines { my ($path, $needed) = @_; open(my $file, "<", $path) or $needed ? die "$path: $!" : return;
    local $/; return split /\n/, <$file> }
"""

# What is looked at: programs and libraries; of R's packages what R loads; of /usr/share that without which none of ours starts.
_LACKING = (
    _START
    + r"""
my (%given, %needs, %provided, %conffiles);
$given{$_} = 1 for @names;
my $status = join "\n", lines("$dpkg/status", 1);
for (split /\n\n+/, $status) {
    next unless /^Status: \S+ ok installed$/m;
    my ($name) = /^Package: (\S+)/m;
    $given{$name} = 1 if $given{substr($name, 0, 7) . "*"};
    $needs{""}{$name} = 1 if $given{$name} || /^Essential: yes/m || $name eq "apt";
    $needs{$name}{$_} = 1 for map { /^\s*([^\s:(]+)/ } map { split /[,|]/ } /^(?:Pre-)?Depends: (.*)/mg;
    $provided{$_}{$name} = 1 for map { /^\s*([^\s:(]+)/ } map { split /,/ } /^Provides: (.*)/m;
    $conffiles{$name} = {map { m{^ (/\S+) (\S+)$} } split /\n/, (/^Conffiles:\n((?: .*\n?)+)/m)[0]} if $given{$name};
}
my (%wanted, @open);
for (@open = ""; @open;) {
    my $name = shift @open;
    push @open, grep { !$wanted{$_}++ } keys %{$needs{$name}}, keys %{$provided{$name}};
}
my (%diverted, %override, %owners);
$owners{"/usr/bin/$_"} = getpwnam "man" for qw(man mandb);  # where debconf was told to make them setuid
my $empty = "d41d8cd98f00b204e9800998ecf8427e";  # its MD5
my @lines = lines("$dpkg/diversions");
$diverted{$lines[3 * $_]} = $lines[3 * $_ + 1] for 0 .. $#lines / 3;
for (lines("$dpkg/statoverride")) {
    my ($owner, undef, undef, $path) = split / /, $_, 4;
    $override{$path} = 1;
    $owners{$path} = $owner =~ /^#(\d+)/ ? $1 : getpwnam $owner;
}
for my $list (glob("$dpkg/info/*.list")) {
    my ($full, $name) = $list =~ m{(([^/:]+)(?::[^/]+)?)[.]list$};
    next unless $wanted{$name};
    my %sums;
    my $sum = sub { %sums = map { ("/" . substr($_, 34), substr($_, 0, 32)) } lines("$dpkg/info/$full.md5sums") unless %sums;
        return $sums{$_[0]} };
    for (grep { m{^/usr/share/(?:R|dbus-1|i18n)/.} || !m{^/(?:usr/share|etc|var)/}
            && (m{/s?bin/.} || m{[.]so[.\d]*$} || m{^/usr/lib/(?:R/(?!site-library/)|python3[^/]*/.*[.]py$)}
            || m{^/usr/lib/R/site-library/[^/]*/(?:DESCRIPTION|NAMESPACE|(?:Meta|R|libs)/.*)$}) } lines($list, 1)) {
        my @about = lstat;
        my $link = -l _;
        # In a folder of that name further below a package may have others than programs.
        my $mode = m{/s?bin/.} && !m{^/usr/(?:lib(?!/R/bin/)|share)} ? 0500 : 0444;
        next if !@about ? $diverted{$_} && -e $diverted{$_}
            : -d _ ? !$sum->($_)  # a folder in the place of a file
            : $diverted{$_} && -e || ($about[4] == 0 || $about[4] == ($owners{$_} // 0))
                && ($link ? -e : ($override{$_} || ($about[2] & $mode) == $mode)
                # Some files are empty in their package.
                && ($about[7] || ($sum->($_) || $empty) eq $empty));
        print "$full\t$_\n";
    }
    # What somebody has changed stays, and what somebody has made of it.
    while (my ($path, $sum) = each %{$conffiles{$name}}) {
        print "$full\t$path\n" unless $diverted{$path} || (lstat $path) && (-l _ || -f _ && (-s _ || $sum eq $empty));
    }
}
print "done\n";
"""
)

_ALTERNATIVES = (
    _START
    + r"""
for my $file (glob("$dpkg/alternatives/*")) {
    my ($name) = $file =~ m{([^/]+)$};
    my ($mode, $link, @rest) = lines($file, 1);
    my (@others, %choices, $gone);
    push @others, [splice @rest, 0, 2] while @rest && $rest[0] ne "";
    for (shift @rest; @rest && $rest[0] ne "";) {
        my ($path, undef, @paths) = splice @rest, 0, 2 + @others;
        -e $path ? $choices{$path} = \@paths : $gone++;
    }
    next if $gone && $names[1];
    my $chosen = readlink "$names[0]/$name";
    my $paths = $choices{$chosen};
    # What nobody registered is an administrator's.
    my $whole = -e $link && -e "$names[0]/$name"
        && !($paths && grep { $paths->[$_] && -e $paths->[$_] && !-e $others[$_][1] } 0 .. $#others);
    print $mode eq "manual" && $paths ? "--set\t$name\t$chosen\n" : "--auto\t$name\n" if %choices && !$whole;
}
print "done\n";
"""
)


def _perl(program: str, *arguments: str) -> str:
    return " ".join(["perl -e", *(shlex.quote(word) for word in (program, *arguments)), "2>/dev/null || true"])


class LackingFiles(FactBase[Dict[str, Set[str]]]):
    """Debian package -> programs and libraries of it that are not there, empty, of no use, or not root's; :data:`FAILED` if
    nobody can tell.

    Looked at are packages, apt, those that each Debian must have, and what these depend on; of the former their configuration,
    too, if it is not there, empty, or no file.

    pyinfra asks dpkg whether a package is installed, and dpkg does not look. ``dpkg --verify`` reads each file.

    Args:
        names: of installed packages; ``r-cran-*`` are all of R's, of which each may need any other.
    """

    folder = "/var/lib/dpkg"

    def command(self, names: Sequence[str]) -> str:
        return _perl(_LACKING, self.folder, *names)

    @staticmethod
    def default() -> Dict[str, Set[str]]:
        return {FAILED: set()}

    def process(self, output: List[str]) -> Dict[str, Set[str]]:
        if output[-1] != DONE:
            return self.default()
        found: Dict[str, Set[str]] = {}
        for line in output[:-1]:
            package, _, path = line.partition("\t")
            found.setdefault(package, set()).add(path)
        return found


class BrokenAlternatives(FactBase[List[List[str]]]):
    """Arguments of update-alternatives, for each name that leads nowhere though something is there for it; one empty list if
    nobody can tell. pyinfra knows nothing of alternatives.

    Args:
        whole: leave out names for which something is missing, which update-alternatives would forget.
    """

    folder = "/var/lib/dpkg"
    links = "/etc/alternatives"

    def command(self, whole: bool) -> str:
        return _perl(_ALTERNATIVES, self.folder, self.links, "1" if whole else "")

    @staticmethod
    def default() -> List[List[str]]:
        return [[]]

    def process(self, output: List[str]) -> List[List[str]]:
        return [line.split("\t") for line in output[:-1]] if output[-1] == DONE else self.default()
