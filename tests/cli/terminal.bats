# Terminals: a console socket for `create`, the caller's own for `run`.

load ../lib/common

setup() {
    bryo_setup
    skip_without python3
    B=$TMP/bundle
    make_bundle "$B" '.process.terminal = true'
    ID=$(new_id)
}

# Receives one descriptor on a console socket, prints the payload and what the terminal says until it hangs up.
console_reader() {
    python3 - "$1" <<'PY'
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
directory, name = os.path.split(sys.argv[1])
os.chdir(directory)
s.bind(name)
s.listen(1)
c, _ = s.accept()
fds = array.array("i")
msg, anc, _, _ = c.recvmsg(4096, socket.CMSG_SPACE(4))
fds.frombytes(anc[0][2][:4])
print("payload:", bool(msg), flush=True)
out = b""
while True:
    try:
        piece = os.read(fds[0], 1000)
    except OSError:
        break
    if not piece:
        break
    out += piece
sys.stdout.write(out.decode().replace("\r\n", "\n"))
PY
}

@test "create sends the master to the console socket, also over a path longer than 108 bytes" {
    local dir=$TMP/d
    while [ ${#dir} -lt 150 ]; do dir=$dir/0123456789; done
    mkdir -p "$dir"
    edit_config "$B" '.process.consoleSize = {"height": 33, "width": 99}'
    set_args "$B" /bin/sh -c 'tty; stty size; test -t 0 -a -t 1 -a -t 2 && echo all three; ls -l /dev/console | cut -c1'
    console_reader "$dir/socket" >"$TMP/out" &
    local reader=$!
    wait_for 5 test -S "$dir/socket"
    bryo create --console-socket "$dir/socket" -b "$B" "$ID"
    bryo start "$ID"
    wait $reader
    run cat "$TMP/out"
    assert_equal "${lines[0]}" "payload: True"
    [[ ${lines[1]} =~ ^/dev/(pts/0|console)$ ]]
    assert_equal "${lines[2]}" "33 99"
    assert_equal "${lines[3]}" "all three"
    assert_equal "${lines[4]}" c
}

@test "a terminal without a socket, and a socket without a terminal" {
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "--console-socket"
    edit_config "$B" '.process.terminal = false'
    run bryo create --console-socket "$TMP/none" -b "$B" "$ID"
    assert_status 1
    assert_output "process.terminal is false"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "nobody listens on the console socket" {
    run bryo create --console-socket "$TMP/none" -b "$B" "$ID"
    assert_status 1
    assert_output "--console-socket: connect to \"$TMP/none\": no such file or directory"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

# Runs a command on a pseudo terminal of 40 x 120, types what stdin says, prints what it shows.
on_terminal() {
    python3 - "$@" <<'PY'
import fcntl, os, pty, select, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
script = sys.argv[1].encode().decode("unicode_escape").encode()
out = b""
sent = False
end = time.time() + 20
while time.time() < end:
    r, _, _ = select.select([fd], [], [], 0.2)
    if r:
        try:
            piece = os.read(fd, 1000)
        except OSError:
            break
        if not piece:
            break
        out += piece
    if not sent and b"ready" in out:
        if script.startswith(b"RESIZE"):
            fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 60, 0, 0))
            time.sleep(0.3)
            script = script[6:]
        os.write(fd, script)
        sent = True
_, status = os.waitpid(pid, 0)
sys.stdout.write(out.decode().replace("\r\n", "\n"))
print("exit", os.waitstatus_to_exitcode(status))
PY
}

@test "run gives the program a terminal of its own, with the caller's size and keys" {
    set_args "$B" /bin/sh -c 'stty size; tty; echo ready; read x; echo "got <$x>"; stty size; exit 5'
    run on_terminal 'RESIZEhello\r' "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID"
    assert_output "40 120"
    assert_output "got <hello>"
    assert_output "50 60"
    assert_output "exit 5"
}

@test "Ctrl-C reaches the program, not the runtime" {
    set_args "$B" /bin/sh -c 'trap "echo interrupted; exit 3" INT; echo ready; while :; do sleep 0.1; done'
    run on_terminal '\x03' "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID"
    assert_output interrupted
    assert_output "exit 3"
}

@test "input that is no terminal and ends: the program reads the end of file" {
    set_args "$B" /bin/cat
    run timeout 10 "$BRYO" --root "$BRYO_ROOT" run -b "$B" "$ID" <<<"some text"
    assert_status 0
    assert_output "some text"
}

@test "input that ends in the middle of a line: the program reads the end of file all the same" {
    set_args "$B" /bin/cat
    run timeout 10 bash -c 'printf abc | "$0" --root "$1" run -b "$2" "$3"' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
    assert_status 0
    assert_output abc
}

@test "a reader of the terminal that went away does not stop the program" {
    set_args "$B" /bin/sh -c 'trap "echo pipe >>/caught" PIPE; i=0; while [ $i -lt 20 ]; do echo line; sleep 0.05; i=$((i + 1)); done; exit 6'
    edit_config "$B" '.root.readonly = false'
    run bash -c '"$0" --root "$1" run -b "$2" "$3" </dev/null | true; echo "${PIPESTATUS[0]}"' "$BRYO" "$BRYO_ROOT" "$B" "$ID"
    assert_output 6
    [ ! -e "$B/rootfs/caught" ]
}
