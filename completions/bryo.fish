# Completion of fish for bryo, made by completions/generate from `bryo --dump-options`: change the tables, not this file.

# The verb that was typed, or nothing.
function __bryo_verb
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
        else if contains -- $word --root --log --log-format --log-level --rootless --cgroup-manager
            set skip yes
        else if not string match -q -- '-*' $word
            echo $word
            return 0
        end
    end
    return 1
end

function __bryo_is
    test (__bryo_verb; or echo .) = $argv[1]
end

function __bryo_ids
    bryo list -q 2>/dev/null
end

complete -c bryo -f
complete -c bryo -n '__bryo_is .' -l root -x -a '(__fish_complete_directories)' -d 'keep the states of containers in DIR ($XDG_RUNTIME_DIR/bryo, root: /run/bryo)'
complete -c bryo -n '__bryo_is .' -l log -x -a '(__fish_complete_path)' -d 'append messages to FILE instead of standard error'
complete -c bryo -n '__bryo_is .' -l log-format -x -a 'text json' -d 'lines of text (the default), or one JSON object a line'
complete -c bryo -n '__bryo_is .' -l log-level -x -a 'error warning info debug' -d 'the least important messages to show (default: warning)'
complete -c bryo -n '__bryo_is .' -l debug -d 'the same as --log-level debug'
complete -c bryo -n '__bryo_is .' -l rootless -x -a 'true false auto' -d 'put a user namespace around the container (default: auto, unless called by root)'
complete -c bryo -n '__bryo_is .' -l cgroup-manager -x -a 'disabled auto' -d 'this version leaves containers in the cgroup of the caller'
complete -c bryo -n '__bryo_is .' -s v -l version -d 'print the version and what it was built with'
complete -c bryo -n '__bryo_is .' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is .' -a create -d 'Create a container from a bundle; its process waits for start'
complete -c bryo -n '__bryo_is .' -a start -d 'Run the process of a created container'
complete -c bryo -n '__bryo_is .' -a state -d 'Print the state of a container as JSON'
complete -c bryo -n '__bryo_is .' -a exec -d 'Run one more process in a container'
complete -c bryo -n '__bryo_is .' -a kill -d 'Send a signal to the first process of a container'
complete -c bryo -n '__bryo_is .' -a delete -d 'Remove what bryo holds of a stopped container'
complete -c bryo -n '__bryo_is .' -a run -d 'Create a container, start it, wait for its end and delete it'
complete -c bryo -n '__bryo_is .' -a list -d 'List the containers'
complete -c bryo -n '__bryo_is .' -a spec -d 'Write a config.json to start from'
complete -c bryo -n '__bryo_is .' -a features -d 'Print what this runtime supports as JSON'
complete -c bryo -n '__bryo_is .' -a sandbox -d 'Run a command in a container made from a tarball or a directory'
complete -c bryo -n '__bryo_is .' -a unpack -d 'Make an OCI bundle from a tarball of a root file system'
complete -c bryo -n '__bryo_is .' -a check -d 'Tell what this machine offers, and how to mend what is missing'
complete -c bryo -n '__bryo_is .' -a help -d 'Show an overview, or the help of one command'
complete -c bryo -n '__bryo_is create' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'the bundle: a directory with config.json (default: the current one)'
complete -c bryo -n '__bryo_is create' -s f -l config -x -a '(__fish_complete_path)' -d 'read FILE instead of the bundle'\''s config.json'
complete -c bryo -n '__bryo_is create' -l console-socket -x -a '(__fish_complete_path)' -d 'send the master of the container'\''s terminal to this unix socket'
complete -c bryo -n '__bryo_is create' -l pid-file -x -a '(__fish_complete_path)' -d 'write the pid of the container'\''s first process to FILE'
complete -c bryo -n '__bryo_is create' -l pidfd-socket -x -a '(__fish_complete_path)' -d 'send a pidfd of the container'\''s first process to this unix socket'
complete -c bryo -n '__bryo_is create' -l preserve-fds -x -d 'hand N descriptors from 3 on to the container'\''s process, besides those of LISTEN_FDS'
complete -c bryo -n '__bryo_is create' -l no-pivot -d 'enter the root by chroot, not pivot_root (for a host that runs from an initramfs)'
complete -c bryo -n '__bryo_is create' -l no-new-keyring -d 'keep the caller'\''s session keyring'
complete -c bryo -n '__bryo_is create' -l no-subreaper -d 'do not adopt processes that the container leaves behind'
complete -c bryo -n '__bryo_is create' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is start' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is start' -a '(__bryo_ids)'
complete -c bryo -n '__bryo_is state' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is state' -a '(__bryo_ids)'
complete -c bryo -n '__bryo_is exec' -s p -l process -x -a '(__fish_complete_path)' -d 'start the process that this JSON file describes'
complete -c bryo -n '__bryo_is exec' -s t -l tty -d 'give it a terminal'
complete -c bryo -n '__bryo_is exec' -s d -l detach -d 'return once the program runs'
complete -c bryo -n '__bryo_is exec' -l console-socket -x -a '(__fish_complete_path)' -d 'send the master of its terminal to this unix socket'
complete -c bryo -n '__bryo_is exec' -l pid-file -x -a '(__fish_complete_path)' -d 'write its pid to FILE once the program runs'
complete -c bryo -n '__bryo_is exec' -l pidfd-socket -x -a '(__fish_complete_path)' -d 'send a pidfd of it to this unix socket'
complete -c bryo -n '__bryo_is exec' -l cwd -x -a '(__fish_complete_directories)' -d 'its working directory'
complete -c bryo -n '__bryo_is exec' -s e -l env -x -d 'add to its environment; may be given again'
complete -c bryo -n '__bryo_is exec' -s u -l user -x -d 'run it as this user and group, in numbers'
complete -c bryo -n '__bryo_is exec' -s g -l additional-gids -x -d 'one more group; may be given again'
complete -c bryo -n '__bryo_is exec' -s c -l cap -x -d 'one more capability; may be given again'
complete -c bryo -n '__bryo_is exec' -l no-new-privs -d 'set no_new_privs, whatever the container has'
complete -c bryo -n '__bryo_is exec' -l ignore-paused -d 'into a paused container too'
complete -c bryo -n '__bryo_is exec' -l preserve-fds -x -d 'hand N descriptors from 3 on to it, besides those of LISTEN_FDS'
complete -c bryo -n '__bryo_is exec' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is exec' -a '(__bryo_ids)'
complete -c bryo -n '__bryo_is kill' -s a -l all -d 'to every process of the container; a stopped container is no error'
complete -c bryo -n '__bryo_is kill' -l regex -d 'ID is an extended regular expression: every container that matches'
complete -c bryo -n '__bryo_is kill' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is kill' -a '(__bryo_ids)'
complete -c bryo -n '__bryo_is kill' -a 'TERM KILL INT HUP QUIT USR1 USR2 STOP CONT WINCH'
complete -c bryo -n '__bryo_is delete' -s f -l force -d 'kill it first if it runs; one that is not there is no error'
complete -c bryo -n '__bryo_is delete' -l regex -d 'ID is an extended regular expression: every container that matches'
complete -c bryo -n '__bryo_is delete' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is delete' -a '(__bryo_ids)'
complete -c bryo -n '__bryo_is run' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'the bundle: a directory with config.json (default: the current one)'
complete -c bryo -n '__bryo_is run' -s f -l config -x -a '(__fish_complete_path)' -d 'read FILE instead of the bundle'\''s config.json'
complete -c bryo -n '__bryo_is run' -l console-socket -x -a '(__fish_complete_path)' -d 'send the master of the container'\''s terminal to this unix socket'
complete -c bryo -n '__bryo_is run' -l pid-file -x -a '(__fish_complete_path)' -d 'write the pid of the container'\''s first process to FILE'
complete -c bryo -n '__bryo_is run' -l pidfd-socket -x -a '(__fish_complete_path)' -d 'send a pidfd of the container'\''s first process to this unix socket'
complete -c bryo -n '__bryo_is run' -l preserve-fds -x -d 'hand N descriptors from 3 on to the container'\''s process, besides those of LISTEN_FDS'
complete -c bryo -n '__bryo_is run' -l no-pivot -d 'enter the root by chroot, not pivot_root (for a host that runs from an initramfs)'
complete -c bryo -n '__bryo_is run' -l no-new-keyring -d 'keep the caller'\''s session keyring'
complete -c bryo -n '__bryo_is run' -l no-subreaper -d 'do not adopt processes that the container leaves behind'
complete -c bryo -n '__bryo_is run' -s d -l detach -d 'return once the container'\''s process runs'
complete -c bryo -n '__bryo_is run' -l keep -d 'keep the state when the process has ended, until delete'
complete -c bryo -n '__bryo_is run' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is list' -s q -l quiet -d 'print the ids only'
complete -c bryo -n '__bryo_is list' -s f -l format -x -a 'table json' -d 'a table for people (the default), or JSON'
complete -c bryo -n '__bryo_is list' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is spec' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'write DIR/config.json (default: the current directory)'
complete -c bryo -n '__bryo_is spec' -l rootless -d 'for a caller without root: a user namespace, no mount that needs more'
complete -c bryo -n '__bryo_is spec' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is features' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is sandbox' -s e -l env -x -d 'set a variable; without a value, take the caller'\''s'
complete -c bryo -n '__bryo_is sandbox' -l env-file -x -a '(__fish_complete_path)' -d 'read variables from a file, one a line'
complete -c bryo -n '__bryo_is sandbox' -s w -l cwd -x -a '(__fish_complete_directories)' -d 'working directory inside (made if missing); default /'
complete -c bryo -n '__bryo_is sandbox' -s u -l user -x -d 'numbers, or names of the image'\''s /etc/passwd; default 0:0'
complete -c bryo -n '__bryo_is sandbox' -l hostname -x -d 'host name inside; default the sandbox'\''s name'
complete -c bryo -n '__bryo_is sandbox' -s v -l bind -x -a '(__fish_complete_path)' -d 'show a file or directory of the host inside'
complete -c bryo -n '__bryo_is sandbox' -l tmpfs -x -d 'an empty file system in memory, e.g. /tmp:size=64m'
complete -c bryo -n '__bryo_is sandbox' -l read-only -d 'make the root file system read-only'
complete -c bryo -n '__bryo_is sandbox' -l cap-add -x -d 'grant a capability, or ALL'
complete -c bryo -n '__bryo_is sandbox' -l cap-drop -x -d 'withhold a capability, or ALL'
complete -c bryo -n '__bryo_is sandbox' -l seccomp -x -a 'default unconfined (__fish_complete_path)' -d 'default, unconfined, or a file with a linux.seccomp object'
complete -c bryo -n '__bryo_is sandbox' -l no-new-privs -d 'setuid programs inside gain nothing'
complete -c bryo -n '__bryo_is sandbox' -l net -x -a 'none host' -d 'none (only loopback; the default) or host (share the host'\''s)'
complete -c bryo -n '__bryo_is sandbox' -l name -x -d 'name for bryo list, state and kill; default sandbox-XXXXXX'
complete -c bryo -n '__bryo_is sandbox' -l keep -d 'keep state and unpacked files until bryo delete'
complete -c bryo -n '__bryo_is sandbox' -l entry -x -d 'run this program with CMD as its arguments'
complete -c bryo -n '__bryo_is sandbox' -s i -l interactive -d 'pass stdin, stdout and stderr through, no terminal'
complete -c bryo -n '__bryo_is sandbox' -s t -l tty -d 'give the command a terminal of its own'
complete -c bryo -n '__bryo_is sandbox' -l max-size -x -d 'limit of what the image unpacks to; default 64g'
complete -c bryo -n '__bryo_is sandbox' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is sandbox' -a '(__fish_complete_path)'
complete -c bryo -n '__bryo_is unpack' -l max-size -x -d 'limit of what the image unpacks to; default 64g'
complete -c bryo -n '__bryo_is unpack' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is unpack' -a '(__fish_complete_path)'
complete -c bryo -n '__bryo_is unpack' -a '(__fish_complete_directories)'
complete -c bryo -n '__bryo_is check' -s f -l format -x -a 'table json' -d 'a table for people (the default), or JSON'
complete -c bryo -n '__bryo_is check' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is help' -s h -l help -d 'show this help'
complete -c bryo -n '__bryo_is help' -a 'create start state exec kill delete run list spec features sandbox unpack check help'
