"""What sshd will do with its whole configuration: it takes the first value that it reads, and ours may not be that."""

from __future__ import annotations

CONFIG = "/etc/ssh/sshd_config"
FOLDER = "/etc/ssh/sshd_config.d"
OURS = FOLDER + "/10-melda-jupyter.conf"

# With which somebody comes in without a key; the last two are one, by its names in sshd -T.
_LAX = "passwordauthentication|permitemptypasswords|permitrootlogin|kbdinteractiveauthentication|challengeresponseauthentication"
# A password beside a key (AuthenticationMethods publickey,keyboard-interactive) lets nobody in without one.
_JUDGED = (
    f'$1 ~ /^({_LAX})$/ && $2 == "yes" {{ lax = lax (lax ? "|" : "") $1 }}'
    ' $1 == "authenticationmethods" { both = 1; for (i = 2; i <= NF; i++) if ($i !~ /publickey/) both = 0 }'
    ' END { print (both ? "" : lax) "." }'
)
# With which root does not come in, key or not. A pattern in AllowUsers may be root's too.
_SHUT = (
    '$1 ~ /^(permitrootlogin|pubkeyauthentication)$/ && $2 == "no" || $1 == "authorizedkeysfile" && $2 == "none" { shut = $1 }'
    ' $1 == "denyusers" && $2 == "root" { shut = $1 } $1 == "allowusers" && $2 == "!root" { shut = $1 }'
    " $1 ~ /^allow/ && $1 ~ /(users|groups)$/ { some[$1] = 1; if ($2 ~ /[*?]/) root[$1] = 1 }"
    ' $1 == "allowusers" && $2 ~ /^root(@|$)/ || $1 == "allowgroups" && index(groups, " " $2 " ") { root[$1] = 1 }'
    ' END { for (one in some) if (!root[one]) shut = one; if (shut) print "shut:" shut }'
)
# In shell: one line if sshd would let in who has no key, or would not start. A copy is judged, because a new file counts in its
# place among the others. Without a host key and its folder, as in an image, sshd says nothing. What somebody allows some
# addresses or users in a Match block is theirs.
_PROBLEM = (
    'k=$(mktemp -d) || {{ echo "sshd\'s configuration cannot be judged: expected room in /tmp"; exit; }};'
    " made=; [ -d /run/sshd ] || {{ mkdir /run/sshd && made=1; }};"
    " if ! {{ mkdir $k/d && {{ cp -L {folder}/*.conf $k/d 2>/dev/null || :; }}{add}"
    " && sed 's,{folder}/,'$k'/d/,' {config} >$k/all && ssh-keygen -q -t ed25519 -N '' -f $k/key"
    " && {sshd} -T -f $k/all -h $k/key >$k/out && [ -s $k/out ]; }} 2>$k/err; then"
    ' echo "sshd does not take its configuration:'
    " $(sed \"s,$k/d/,{folder}/,; s,$k/all,{config},\" $k/err | tr -s '\\r\\n' ' ')\";"
    " else lax=$(awk '{judged}' $k/out); all=${{lax%.}};"
    ' [ "$all" != "$lax" ] || echo "sshd\'s configuration cannot be judged: expected awk to run"; lax=$all;'
    ' if [ -n "$lax" ]; then first={config}; lines="^[[:space:]]*($lax|challengeresponseauthentication)[[:space:]=]+yes";'
    " if ! sed '/^[[:space:]]*[Ii]nclude[[:space:]]/q' {config} | grep -qiE \"$lines\"; then"
    ' for f in {folder}/*.conf; do if grep -qiE "$lines" "$f" 2>/dev/null; then first=$f; break; fi; done; fi;'
    ' echo "$first lets in who has no key, before our settings count ($(echo "$lax" | tr "|" " ") yes):'
    ' expected that gone, and {config} to begin with Include {folder}/*.conf"; fi; fi;'
    "{shut}"
    ' rm -rf "$k"; [ -z "$made" ] || rmdir /run/sshd'
)


def problem(new: str = "", root: str = "", sshd: str = "/usr/sbin/sshd", shut: bool = False) -> str:
    """Return shell text that prints one line if sshd's configuration lets in who has no key.

    Args:
        new: a file that is to become ours, as the shell takes it; empty: it is in place.
        root: put before all paths of the configuration; and
        sshd: a program: for tests.
        shut: print also ``shut:`` and the setting, in lower case, with which root does not come in with a key.
    """
    return _PROBLEM.format(
        add=f" && cp {new} $k/d/{OURS.rpartition('/')[2]}" if new else "",
        config=root + CONFIG, folder=root + FOLDER, judged=_JUDGED, sshd=sshd,
        shut=f" awk -v groups=\" $(id -Gn root) \" '{_SHUT}' $k/out 2>/dev/null;" if shut else "",
    )  # fmt: skip


# For tasks.lib.managed_files: it must accept our file before it is put in place.
CHECK = f'p=$( {problem("{}")} ); [ -z "$p" ] || {{ echo "$p" >&2; false; }}'
