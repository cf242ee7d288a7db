#!/usr/bin/env bats
# podman with bryo on a real terminal: run, exec and attach with -it.

load ../lib/common
load podman

on_terminal() {
    "$BRYO_TOP/tests/vm/on-terminal" "$@" 3>&-
}

@test "run -it: a terminal of its own, as large as the caller's, which follows its size" {
    run on_terminal expect=ready size=50x60 'send=hello\r' expect='got <hello>' -- \
        podman --runtime "$RUNTIME" run -it --rm $IMAGE sh -c '
            tty; test -t 0 -a -t 1 -a -t 2 && echo all three
            until [ "$(stty size)" = "40 120" ]; do sleep 0.1; done; stty size; echo ready
            while [ "$(stty size)" = "40 120" ]; do sleep 0.1; done; stty size; read line; echo "got <$line>"; exit 5'
    assert_output "/dev/pts/0"
    assert_output "all three"
    assert_output "40 120"
    assert_output "50 60"
    assert_output "exit 5"
}

@test "run -it: a shell with job control; Ctrl-C ends the job and not the shell, Ctrl-D the shell" {
    # What is typed is shown as well: the texts that are waited for are put together by the shell.
    run on_terminal expect='#' 'send=echo be""gun; sleep 1000\r' expect=begun 'send=\x03' expect='#' \
        'send=echo still $((40+2))\r' expect='still 42' expect='#' 'send=\x04' -- \
        podman --runtime "$RUNTIME" run -it --rm $IMAGE sh
    assert_output "still 42"
    assert_output "exit 0"
    refute_output "can't access tty"
}

@test "run -it: the detach keys leave it running, attach comes back to it" {
    # podman knows the keys only if they come one by one; and what is said before attach is there, or right before the
    # end, it may lose.
    run on_terminal expect=tick 'send=\x10' expect=tick expect=tick 'send=\x11' -- podman --runtime "$RUNTIME" run -it --name "$C" $IMAGE sh -c '
        while sleep 0.2; do echo tick; done & read line; echo "got <$line>"; sleep 2; exit 8'
    assert_output "exit 0"
    is_state "$C" running
    run on_terminal expect=tick 'send=hello\r' expect='got <hello>' -- podman --runtime "$RUNTIME" attach "$C"
    assert_status 0
    assert_output "got <hello>"
    run pod wait "$C"
    assert_equal "$output" 8
}

@test "exec -it: a terminal beside the container's" {
    pod run -d -t --name "$C" $IMAGE sleep 1000
    run on_terminal expect=ready size=30x70 'send=x\r' -- podman --runtime "$RUNTIME" exec -it "$C" \
        sh -c 'tty; echo ready; read x; until [ "$(stty size)" = "30 70" ]; do sleep 0.1; done; stty size; exit 3'
    assert_output "/dev/pts/1"
    assert_output "30 70"
    assert_output "exit 3"
}

@test "-t without -i, and its log" {
    pod run -d -t --name "$C" $IMAGE sh -c 'tty; exit 2'
    run pod wait "$C"
    assert_equal "$output" 2
    run pod logs "$C"
    assert_output "/dev/pts/0"
}

@test "/dev/console is the terminal, and the user may open it" {
    run pod run --rm -t --user 1000 $IMAGE sh -c 'echo written >/dev/console; ls -l /dev/console | cut -c1; exec 3<>/dev/tty && echo mine'
    assert_status 0
    assert_output written
    assert_output mine
}
