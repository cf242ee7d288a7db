# What the tests with systemd share. $SYSTEMCTL asks the manager that the containers of the caller go to.

# shellcheck disable=SC2034
CGROUPS=/sys/fs/cgroup
if is_root; then
    SYSTEMCTL=(systemctl)
    # shellcheck disable=SC2034
    USER_SERVICE=
else
    SYSTEMCTL=(systemctl --user)
    # shellcheck disable=SC2034
    USER_SERVICE=/user.slice/user-$(id -u).slice/user@$(id -u).service
fi

in_scope() {
    bryo --cgroup-manager systemd "$@"
}

property() { # UNIT NAME
    "${SYSTEMCTL[@]}" show --property "$2" --value "$1"
}

assert_properties() { # UNIT NAME=VALUE…
    local unit=$1 pair
    shift
    for pair; do
        assert_equal "${pair%%=*}=$(property "$unit" "${pair%%=*}")" "$pair"
    done
}

pid_of() { # ID
    jq .pid "$BRYO_ROOT/$1/state.json"
}

# The cgroup that the container's first process is in.
cgroup_of() { # ID
    sed 's/^0:://' "/proc/$(pid_of "$1")/cgroup"
}

assert_files() { # ID FILE=VALUE…
    local dir pair
    dir=$CGROUPS$(jq -r .cgroupPath "$BRYO_ROOT/$1/state.json")
    shift
    for pair; do
        assert_equal "${pair%%=*}=$(cat "$dir/${pair%%=*}")" "$pair"
    done
}

# A slice can always be loaded by its name.
gone() { # UNIT
    [[ "$(property "$1" LoadState)" == not-found || $1 == *.slice ]] && [ "$(property "$1" ActiveState)" = inactive ]
}

assert_no_unit() { # UNIT
    gone "$1" || {
        "${SYSTEMCTL[@]}" status "$1" >&2
        return 1
    }
}

active() { # UNIT
    [ "$(property "$1" ActiveState)" = active ]
}

failed() { # UNIT
    [ "$(property "$1" ActiveState)" = failed ]
}

stopped() { # ID
    [ "$(bryo state "$1" | jq -r .status)" = stopped ]
}

cpu_usage() { # ID; µs
    sed -n 's/^usage_usec //p' "$CGROUPS$(cgroup_of "$1")/cpu.stat"
}

# Did the kernel refuse to fork here?
refused() { # DIRECTORY
    [ "$(sed -n 's/^max //p' "$1/pids.events")" -gt 0 ]
}

delete_force() { # ID
    bryo delete --force "$1" && [ ! -e "$BRYO_ROOT/$1" ]
}

create_one() { # NUMBER
    in_scope create -b "$TMP/b" "many$1" && "$BRYO" --root "$BRYO_ROOT" start "many$1"
}

delete_one() { # NUMBER
    bryo delete --force "many$1"
}

# Runs COMMAND with the numbers 1 … COUNT, WORKERS of them at a time; fails if one fails.
many() { # WORKERS COUNT COMMAND
    local worker pids=() status=0
    for ((worker = 1; worker <= $1; worker++)); do
        (
            exec 3>&-
            for ((i = worker; i <= $2; i += $1)); do
                mkdir -p "$TMP/out.$i"
                TMP_OUT=$TMP/out.$i "$3" "$i" </dev/null >"$TMP/out.$i/log" 2>&1 || {
                    cat "$TMP/out.$i/log" >&2
                    exit 1
                }
            done
        ) &
        pids+=($!)
    done
    for worker in "${pids[@]}"; do
        wait "$worker" || status=1
    done
    return $status
}
