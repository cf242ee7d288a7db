# shellcheck shell=bash
# What tests/run makes on the machine and takes away again: packages, test users, the work directory, snapshots of
# what must be the same before and after.

TEST_USER=bryotest         # an ordinary user with subordinate ids
NOSUB_USER=bryotest-nosub  # one without
DEMO_USER=bryo-demo        # made and removed by examples/quickstart
SUBID_COUNT=65536

LOCK=/run/bryo-tests.lock

WORK=
made_users=()
OPEN_DEVICES='/dev/net/tun /dev/fuse'
declare -A device_modes=() # what they were, if they were changed
# Root's containers bring controllers down from the root of cgroup v2, and there they stay; beside cgroup v1 nobody else
# does that.
SUBTREE=/sys/fs/cgroup/unified/cgroup.subtree_control
controllers= # which were on
SUITE= # what runs now
EXTRA_ENV=()
BELOW=()

# The first start for SUBID_COUNT ids that nobody has in either file and that this machine's own id map holds (it may
# be a container with a map of its own). Prints it; 1 if there is none.
free_subid_start() {
    local inside_start inside_count highest start
    highest=$(cat /etc/subuid /etc/subgid 2>/dev/null | awk -F: 'NF == 3 && $2 + $3 > max { max = $2 + $3 } END { print max + 0 }')
    start=$((highest > 100000 ? highest : 100000))
    while read -r inside_start _ inside_count; do
        if [ $((inside_start + inside_count)) -ge $((start + SUBID_COUNT)) ]; then
            echo "$start"
            return 0
        fi
    done </proc/self/uid_map
    return 1
}

make_user() { # NAME with|without
    local name=$1 start
    if ! getent passwd "$name" >/dev/null; then
        # A system user: useradd gives those no ranges by itself.
        useradd --system --no-create-home --home-dir "$WORK/home" --shell /bin/bash "$name" || return 1
        made_users+=("$name")
    fi
    if [ "$2" = with ] && ! grep -q "^$name:" /etc/subuid; then
        touch /etc/subuid /etc/subgid
        if start=$(free_subid_start); then
            usermod --add-subuids "$start-$((start + SUBID_COUNT - 1))" \
                --add-subgids "$start-$((start + SUBID_COUNT - 1))" "$name" || return 1
        else
            echo "tests/run: no ids are left on this machine to give $name a range: maps of many ids are not tested" >&2
        fi
    fi
}

# Distributions give them to everybody (mode 0666); networks of containers and archives that are not unpacked need them.
open_devices() {
    local device
    for device in $OPEN_DEVICES; do
        [ -c "$device" ] || continue
        device_modes[$device]=$(stat -c %a "$device")
        chmod 666 "$device" || return 1
    done
}

# The directory of that name below $WORK/KIND for what runs now, made if it is not there; prints it.
private_dir() { # KIND OWNER
    local dir=$WORK/$1/${SUITE:-run}-$2
    [ -d "$dir" ] || install -d -m 700 -o "$(id -u "$2")" -g "$(id -g "$2")" "$dir"
    echo "$dir"
}

# Runs CMD as a test user the way a login would have it: an environment of its own (and EXTRA_ENV), no capability.
# BELOW, if set, is put between: a program that starts the rest of its arguments, still as root.
as_user() { # NAME CMD…
    local name=$1
    shift
    env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin HOME="$(private_dir home "$name")" \
        USER="$name" LOGNAME="$name" SHELL=/bin/bash LANG=C.UTF-8 TERM=dumb \
        XDG_RUNTIME_DIR="$(private_dir run "$name")" TMPDIR="$(private_dir tmp "$name")" "${EXTRA_ENV[@]}" "${BELOW[@]}" \
        setpriv --reuid "$(id -u "$name")" --regid "$(id -g "$name")" --init-groups --inh-caps=-all -- "$@"
}

as_root() { # CMD…
    env -i PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin HOME="$(private_dir home root)" USER=root \
        LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8 TERM=dumb XDG_RUNTIME_DIR="$(private_dir run root)" \
        TMPDIR="$(private_dir tmp root)" "${EXTRA_ENV[@]}" "${BELOW[@]}" "$@"
}

# The tracked and the new files of the clone, or of a released tarball all of them.
copy_sources() { # DEST
    mkdir -p "$1"
    if git -c safe.directory='*' -C "$TOP" rev-parse --git-dir >/dev/null 2>&1; then
        git -c safe.directory='*' -C "$TOP" ls-files -z --cached --others --exclude-standard
    else
        (cd "$TOP" && find . -path './build*' -prune -o -type f -print0)
    fi | (cd "$TOP" && xargs -0 -r sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh |
        tar --create --no-recursion --null --files-from=-) | tar -C "$1" --extract
}

machine_prepare() {
    # shellcheck disable=SC1091
    echo "bryo's tests on $(. /etc/os-release && echo "$PRETTY_NAME"), Linux $(uname -r), $(nproc) CPUs"
    exec 9>"$LOCK"
    flock --nonblock 9 || {
        echo "tests/run: another run is under way on this machine" >&2
        return 1
    }
    "$TOP/tests/lib/install-packages" build run test || return 1
    # Not below /tmp: that may be small or noexec. Short, for unix sockets are made below it.
    WORK=$(mktemp -d /var/tmp/bryo-tests.XXXXXX) || return 1
    chmod 755 "$WORK"
    mkdir -p "$WORK"/{log,home,run,tmp}
    make_user "$TEST_USER" with || return 1
    make_user "$NOSUB_USER" without || return 1
    open_devices || return 1
    copy_sources "$WORK/src" || return 1
    chown -R "$TEST_USER:" "$WORK/src"
    install -d -o "$TEST_USER" -g "$(id -g "$TEST_USER")" "$WORK"/build-{gcc,clang,asan}
    cc -std=gnu11 -D_GNU_SOURCE -O1 -o "$WORK/reaper" "$WORK/src/tests/lib/reaper.c" || return 1
    as_user "$TEST_USER" sh -c 'cd "$1" && ./autogen.sh' sh "$WORK/src" >"$WORK/log/autogen.log" 2>&1 || {
        cat "$WORK/log/autogen.log"
        return 1
    }
    controllers=$(cat "$SUBTREE" 2>/dev/null)
    snapshot >"$WORK/before"
    # The test users may not be able to enter the directory that this was called in.
    cd "$WORK" || return 1
}

restore_controllers() {
    local name
    local names=()
    [ ! -e "$SUBTREE" ] || read -ra names <"$SUBTREE"
    for name in "${names[@]}"; do
        # One that somebody still uses can't be taken back.
        [[ " $controllers " == *" $name "* ]] || echo "-$name" >"$SUBTREE" 2>/dev/null
    done
}

machine_clean_up() {
    local name place
    [ -n "$WORK" ] || return 0
    # A reaper ends all that it started; its path tells ours from any other.
    pkill -TERM -f "^$WORK/reaper " 2>/dev/null && sleep 3
    for name in "$TEST_USER" "$NOSUB_USER"; do
        pkill -KILL -u "$name" 2>/dev/null
    done
    for name in "${made_users[@]}"; do
        userdel "$name" 2>/dev/null
    done
    made_users=()
    for name in "${!device_modes[@]}"; do
        chmod "${device_modes[$name]}" "$name"
    done
    restore_controllers
    # What a killed test may have left mounted would keep the work directory from going.
    awk -v work="$WORK/" 'index($5, work) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r place; do
        umount -l "$place"
    done
    rm -f "$LOCK"
}

# The ids that test users own: their own and their ranges, as "FIRST LAST" lines.
test_ids() {
    local name uid
    for name in "$TEST_USER" "$NOSUB_USER"; do
        uid=$(id -u "$name") && echo "$uid $uid"
        awk -F: -v name="$name" '$1 == name { print $2, $2 + $3 - 1 }' /etc/subuid
    done
}

# Everything of the machine that a run must leave as it was, one "KIND WHAT" a line, sorted. What belongs to others is
# not looked at: processes and files count if they are the test users' (or their ranges'), or carry bryo's name.
snapshot() {
    local ids
    ids=$(test_ids)
    {
        ps -eo uid=,pid=,comm= | awk -v ids="$ids" '
            BEGIN { n = split(ids, r, /[ \n]/) }
            { for (i = 1; i < n; i += 2) if ($1 >= r[i] && $1 <= r[i + 1]) print "process", $2, $3 }'
        awk '{ print $5, $(NF - 2) }' /proc/self/mountinfo | grep -E 'bryo|nsfs' | sed 's/^/mount /'
        find /sys/fs/cgroup -type d -name '*bryo*' 2>/dev/null | sed 's/^/cgroup /'
        ip_links=(/sys/class/net/*)
        printf 'interface %s\n' "${ip_links[@]##*/}"
        find /tmp /var/tmp /dev/shm /run /dev/mqueue -xdev -path "$WORK" -prune -o -printf '%U %d %p\n' 2>/dev/null |
            awk -v ids="$ids" '
                BEGIN { n = split(ids, r, /[ \n]/) }
                { own = $2 == 1 && $3 ~ /\/\.?bryo[^\/]*$/
                  for (i = 1; i < n; i += 2) if ($1 >= r[i] && $1 <= r[i + 1]) own = 1
                  if (own) { sub(/^[0-9]+ [0-9]+ /, ""); print "file", $0 } }'
        find "$WORK/tmp" -mindepth 2 -maxdepth 2 | sed 's/^/file /'
        # The directories that bryo makes once for a user may stay, what is in them not.
        find "$WORK/run" -mindepth 2 ! -path "$WORK/run/*/bryo" | sed 's/^/file /'
        find "$WORK/home" -path '*/.cache/bryo/*' ! -path '*/.cache/bryo/sandbox' ! -path '*/.cache/bryo/index*' | sed 's/^/file /'
        getent passwd "$DEMO_USER" | cut -d: -f1 | sed 's/^/user /'
    } | sort -u
}
