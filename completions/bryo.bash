# shellcheck shell=bash
# Completion of bash for bryo, made by completions/generate from `bryo --dump-options`: change the tables, not this file.
_bryo_list()
{
    # Globals first: --root decides which containers there are. The words are as typed, quotes and all.
    local word words=()
    for word in "$@"; do
        words+=("${word//[\'\"\\]/}")
    done
    "${words[@]/#\~/$HOME}" list -q 2>/dev/null
}

# _bryo_reply CUR [:KIND] [WORD…]
_bryo_reply()
{
    local cur=$1 kind=$2 i
    shift 2
    mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
    case $kind in
    :dir) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$cur") ;;
    :file) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur") ;;
    esac
    case $kind in
    :dir | :file) compopt -o filenames 2>/dev/null ;;
    esac
}

_bryo()
{
    local -A options=(
        [.]='--root --log --log-format --log-level --debug --rootless --cgroup-manager --systemd-cgroup --limits -v --version -h --help'
        [create]='-b --bundle -f --config --console-socket --pid-file --pidfd-socket --preserve-fds --net --no-pivot --no-new-keyring --no-subreaper -h --help'
        [start]='-h --help'
        [state]='-h --help'
        [exec]='-p --process -t --tty -d --detach --console-socket --pid-file --pidfd-socket --cwd -e --env -u --user -g --additional-gids -c --cap --apparmor --process-label --no-new-privs --cgroup --ignore-paused --preserve-fds -h --help'
        [kill]='-a --all --regex -h --help'
        [delete]='-f --force --regex -h --help'
        [run]='-b --bundle -f --config --console-socket --pid-file --pidfd-socket --preserve-fds --net --no-pivot --no-new-keyring --no-subreaper -d --detach --keep -h --help'
        [list]='-q --quiet -f --format -h --help'
        [ps]='-f --format -h --help'
        [pause]='-h --help'
        [resume]='-h --help'
        [update]='-r --resources --memory --memory-reservation --memory-swap --kernel-memory --kernel-memory-tcp --cpu-share --cpu-quota --cpu-period --cpu-burst --cpu-rt-period --cpu-rt-runtime --cpu-idle --cpuset-cpus --cpuset-mems --pids-limit --blkio-weight --l3-cache-schema --mem-bw-schema -h --help'
        [events]='--stats --interval -h --help'
        [mounts]='-t --type -s --source -d --destination -o --options --force -f --format -h --help'
        [port]='-f --format -h --help'
        [spec]='-b --bundle --rootless -h --help'
        [features]='-h --help'
        [sandbox]='-e --env --env-file -w --cwd -u --user --hostname -v --bind --tmpfs --read-only --scratch --cap-add --cap-drop --seccomp -m --memory --memory-swap --cpus --cpuset --pids --io-weight --no-new-privs --net --host-loopback -p --publish -P --publish-all --allow --dns --add-host --name --keep --entry -i --interactive -t --tty --lazy --max-size --share --mask --show-masks --ephemeral -h --help'
        [unpack]='--max-size -h --help'
        [images]='-f --format -q --quiet --name --platform -a --all --older-than --max-size -h --help'
        [build]='-f --file -o --output --arg --secret --compress -t --tag --no-cache --progress --shell-on-failure --prune --max-size -h --help'
        [diff]='-p --patch -f --format -h --help'
        [discard]='-h --help'
        [check]='-f --format -h --help'
        [help]='-h --help'
    )
    # What follows an option: a kind (:dir, :file, : for anything) and words.
    local -A follows=(
        ['. --root']=':dir'
        ['. --log']=':file'
        ['. --log-format']=': text json'
        ['. --log-level']=': error warning info debug'
        ['. --rootless']=': true false auto'
        ['. --cgroup-manager']=': auto cgroupfs systemd disabled'
        ['. --limits']=': require try off'
        ['create -b']=':dir'
        ['create --bundle']=':dir'
        ['create -f']=':file'
        ['create --config']=':file'
        ['create --console-socket']=':file'
        ['create --pid-file']=':file'
        ['create --pidfd-socket']=':file'
        ['create --preserve-fds']=':'
        ['create --net']=': none host slirp'
        ['exec -p']=':file'
        ['exec --process']=':file'
        ['exec --console-socket']=':file'
        ['exec --pid-file']=':file'
        ['exec --pidfd-socket']=':file'
        ['exec --cwd']=':dir'
        ['exec -e']=':'
        ['exec --env']=':'
        ['exec -u']=':'
        ['exec --user']=':'
        ['exec -g']=':'
        ['exec --additional-gids']=':'
        ['exec -c']=':'
        ['exec --cap']=':'
        ['exec --apparmor']=':file default unconfined'
        ['exec --process-label']=':'
        ['exec --cgroup']=':'
        ['exec --preserve-fds']=':'
        ['run -b']=':dir'
        ['run --bundle']=':dir'
        ['run -f']=':file'
        ['run --config']=':file'
        ['run --console-socket']=':file'
        ['run --pid-file']=':file'
        ['run --pidfd-socket']=':file'
        ['run --preserve-fds']=':'
        ['run --net']=': none host slirp'
        ['list -f']=': table json'
        ['list --format']=': table json'
        ['ps -f']=': table json'
        ['ps --format']=': table json'
        ['update -r']=':file'
        ['update --resources']=':file'
        ['update --memory']=':'
        ['update --memory-reservation']=':'
        ['update --memory-swap']=':'
        ['update --kernel-memory']=':'
        ['update --kernel-memory-tcp']=':'
        ['update --cpu-share']=':'
        ['update --cpu-quota']=':'
        ['update --cpu-period']=':'
        ['update --cpu-burst']=':'
        ['update --cpu-rt-period']=':'
        ['update --cpu-rt-runtime']=':'
        ['update --cpu-idle']=':'
        ['update --cpuset-cpus']=':'
        ['update --cpuset-mems']=':'
        ['update --pids-limit']=':'
        ['update --blkio-weight']=':'
        ['update --l3-cache-schema']=':'
        ['update --mem-bw-schema']=':'
        ['events --interval']=':'
        ['mounts -t']=': bind tmpfs'
        ['mounts --type']=': bind tmpfs'
        ['mounts -s']=':file'
        ['mounts --source']=':file'
        ['mounts -d']=':'
        ['mounts --destination']=':'
        ['mounts -o']=':'
        ['mounts --options']=':'
        ['mounts -f']=': table json'
        ['mounts --format']=': table json'
        ['port -f']=': table json'
        ['port --format']=': table json'
        ['spec -b']=':dir'
        ['spec --bundle']=':dir'
        ['sandbox -e']=':'
        ['sandbox --env']=':'
        ['sandbox --env-file']=':file'
        ['sandbox -w']=':dir'
        ['sandbox --cwd']=':dir'
        ['sandbox -u']=':'
        ['sandbox --user']=':'
        ['sandbox --hostname']=':'
        ['sandbox -v']=':file'
        ['sandbox --bind']=':file'
        ['sandbox --tmpfs']=':'
        ['sandbox --scratch']=': disk memory'
        ['sandbox --cap-add']=':'
        ['sandbox --cap-drop']=':'
        ['sandbox --seccomp']=':file default unconfined'
        ['sandbox -m']=':'
        ['sandbox --memory']=':'
        ['sandbox --memory-swap']=':'
        ['sandbox --cpus']=':'
        ['sandbox --cpuset']=':'
        ['sandbox --pids']=':'
        ['sandbox --io-weight']=':'
        ['sandbox --net']=': none host slirp'
        ['sandbox -p']=':'
        ['sandbox --publish']=':'
        ['sandbox --allow']=':'
        ['sandbox --dns']=':'
        ['sandbox --add-host']=':'
        ['sandbox --name']=':'
        ['sandbox --entry']=':'
        ['sandbox --lazy']=': auto always never'
        ['sandbox --max-size']=':'
        ['sandbox --share']=':'
        ['sandbox --mask']=':'
        ['unpack --max-size']=':'
        ['images -f']=': table json'
        ['images --format']=': table json'
        ['images --name']=':'
        ['images --platform']=':'
        ['images --older-than']=':'
        ['images --max-size']=':'
        ['build -f']=':file'
        ['build --file']=':file'
        ['build -o']=':file'
        ['build --output']=':file'
        ['build --arg']=':'
        ['build --secret']=':'
        ['build --compress']=': none gzip zstd'
        ['build -t']=':'
        ['build --tag']=':'
        ['build --progress']=': plain json'
        ['build --max-size']=':'
        ['diff -f']=': table json'
        ['diff --format']=': table json'
        ['check -f']=': table json'
        ['check --format']=': table json'
    )
    local -A operands=(
        [create]=':'
        [start]=':id'
        [state]=':id'
        [exec]=':id :'
        [kill]=':id :signal'
        [delete]=':id'
        [run]=':'
        [list]=''
        [ps]=':id :'
        [pause]=':id'
        [resume]=':id'
        [update]=':id'
        [events]=':id'
        [mounts]=': :id'
        [port]=': :id :'
        [spec]=''
        [features]=''
        [sandbox]=':file'
        [unpack]=':file :dir'
        [images]=':'
        [build]=':dir'
        [diff]=':'
        [discard]=':'
        [check]=''
        [help]=':verb'
    )
    local words=() word glue='' i

    # Bash splits words at = and : as well: put them together again.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $i -gt 0 && ($glue || $word == [=:]*) ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        glue=''
        [[ $word != *[=:] ]] || glue=yes
    done

    local cur=${words[-1]} verb=. at=0 n=0 option='' stop='' whole
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ $option ]]; then
            option=''
        elif [[ $word == -- ]]; then
            stop=yes
        elif [[ ! $stop && $word == -?* ]]; then
            [[ $word == *=* || ! ${follows["$verb $word"]+set} ]] || option=$word
        elif [[ $verb == . ]]; then
            verb=$word at=$i stop=''
        else
            n=$((n + 1))
            [[ $verb != kill && $verb != sandbox ]] || stop=yes
        fi
    done
    COMPREPLY=()
    if [[ ! $option && ! $stop && $cur == --*=* ]]; then
        option=${cur%%=*} cur=${cur#*=}
    fi
    whole=$cur
    cur=${cur##*[=:]} # what bash takes for the word to complete
    [[ $whole == "$cur" || $COMP_WORDBREAKS == *[=:]* ]] || cur=$whole
    if [[ $option ]]; then
        # shellcheck disable=SC2086
        [[ ! ${follows["$verb $option"]+set} ]] || _bryo_reply "$cur" ${follows["$verb $option"]}
    elif [[ ! $stop && $cur == -* ]]; then
        _bryo_reply "$cur" : "${options[$verb]}"
    elif [[ $verb == . ]]; then
        _bryo_reply "$cur" : 'create start state exec kill delete run list ps pause resume update events mounts port spec features sandbox unpack images build diff discard check help'
    else
        # shellcheck disable=SC2206
        local kinds=(${operands[$verb]})
        case ${kinds[n]} in
        :id) _bryo_reply "$cur" : "$(_bryo_list "${words[@]:0:at}")" ;;
        :signal) _bryo_reply "$cur" : 'TERM KILL INT HUP QUIT USR1 USR2 STOP CONT WINCH' ;;
        :verb) _bryo_reply "$cur" : 'create start state exec kill delete run list ps pause resume update events mounts port spec features sandbox unpack images build diff discard check help' ;;
        *) _bryo_reply "$cur" "${kinds[n]:-:}" ;;
        esac
    fi
}

complete -F _bryo bryo
