# Archives that run without being unpacked: everything must look as if they had been. Most tests run an archive both ways
# and compare; the hostile ones are those of tests/image/hostile.py, with a busybox before them.

load ../lib/common

setup() {
    bryo_setup
    SERVER=$(dirname "$BRYO")/bryo-image-mount
    [ -x "$SERVER" ] || skip "bryo-image-mount was not built (libfuse3)"
    [ -r /dev/fuse ] && [ -w /dev/fuse ] || skip "/dev/fuse may not be opened"
    skip_without python3
    export XDG_CACHE_HOME=$TMP/cache
    mkdir -p "$XDG_CACHE_HOME"
    setfattr -n user.probe -v 1 "$XDG_CACHE_HOME" 2>/dev/null || skip "the file system of $TMP has no user attributes"
    A=$TMP/image.tar
    LISTING=$TMP/listing.sh
    cat >"$LISTING" <<'END'
PATH=/bb; cd /
find . -xdev ! -path ./listing.sh ! -path './dev*' ! -path './proc*' ! -path './sys*' ! -path './etc/h*' | sort | while IFS= read -r f; do
    n=$f
    if [ -L "$f" ]; then echo "$n -> $(readlink "$f") $(stat -c '%u:%g %h %Y' "$f")"
    elif [ -f "$f" ]; then echo "$n $(stat -c '%f %u:%g %s %h %Y' "$f") $(md5sum <"$f")"
    elif [ -d "$f" ]; then echo "$n $(stat -c '%f %u:%g' "$f")"
    else echo "$n $(stat -c '%f %u:%g' "$f")"; fi
done
END
}

teardown() {
    # Of one id everything is ours, also what is closed: in the store, where it was unpacked to compare.
    chmod -R u+rwX "$TMP" 2>/dev/null || true
    bryo_teardown
}

# Runs in the image; the first word is how.
lazily() { # always|never|auto CMD…
    local how=$1
    shift
    "$BRYO" --root "$BRYO_ROOT" sandbox --lazy "$how" "$A" -- "$@" </dev/null
}

# An archive with a busybox, and behind it the entries of a case of hostile.py.
hostile() { # CASE
    "$BRYO_TOP/tests/image/hostile.py" --with-busybox "$(command -v busybox)" "$1" >"$A"
}

# How the archive looks from inside, and how it fails: without the names of the ways.
look() { # HOW
    "$BRYO" --root "$BRYO_ROOT" sandbox --lazy "$1" --bind "$LISTING:/listing.sh:ro" "$A" -- /bb/sh /listing.sh \
        </dev/null 2>&1 | sed -e 's/, *"[^"]*")/)/' -e 's/ (the first: .*//' -e 's/ ("[^"]*".*)$//' -e 's/cut short (.*/cut short/'
}

look_same() {
    local lazy plain
    lazy=$(look always)
    plain=$(look never)
    diff <(echo "$plain") <(echo "$lazy") || {
        echo "differs (< unpacked, > not unpacked): $1" >&2
        return 1
    }
}

@test "every hostile and odd archive looks, or fails, as if it had been unpacked" {
    local name failed=0
    for name in $("$BRYO_TOP/tests/image/hostile.py" --list); do
        case $name in
            # Seen but of no use, instead of left out.
            devices) continue ;;
            # What is wrong with attributes is told by the file system, or by the text of the format.
            xattrs | acls) continue ;;
            # Unpacked, a time is what the file system can hold.
            times) continue ;;
            # No whiteouts and marks when it is unpacked into a directory.
            overlay-marks) continue ;;
            # What bryo writes to /etc is there, by its link.
            etc-link) continue ;;
        esac
        hostile "$name"
        look_same "$name" || failed=1
    done
    [ $failed = 0 ]
}

@test "an archive that is compressed looks the same, the first time and later" {
    local z
    hostile usrmerge
    cp "$A" "$TMP/plain.tar"
    look always >"$TMP/plain"
    grep -q "./usr/bin/sh 81a4" "$TMP/plain"
    for z in gzip zstd; do
        command -v $z >/dev/null || continue
        A=$TMP/image.$z
        $z -c <"$TMP/plain.tar" >"$A"
        look always | diff "$TMP/plain" -
        look always | diff "$TMP/plain" -
        # Several members or frames, and padding behind them.
        { head -c 700000 "$TMP/plain.tar" | $z -c; tail -c +700001 "$TMP/plain.tar" | $z -c; } >"$A"
        [ $z = zstd ] || head -c 1000 /dev/zero >>"$A"
        look always | diff "$TMP/plain" -
        look always | diff "$TMP/plain" -
    done
}

@test "a large archive, read from the middle by its saved index" {
    local z sum
    hostile dots
    mkdir "$TMP/big"
    head -c 9000000 /dev/urandom | od -An -tx1 >"$TMP/big/text" # compresses, into many blocks
    head -c 3000000 /dev/urandom >"$TMP/big/noise"
    echo last >"$TMP/big/zz"
    tar -C "$TMP" --append -f "$A" big
    cp "$A" "$TMP/plain.tar"
    sum=$(cd "$TMP/big" && md5sum text noise zz)
    for z in cat gzip zstd; do
        command -v $z >/dev/null || continue
        A=$TMP/image.$z
        $z -c <"$TMP/plain.tar" >"$A" 2>/dev/null || $z <"$TMP/plain.tar" >"$A"
        rm -rf "$XDG_CACHE_HOME/bryo/index"
        run --separate-stderr lazily always /bb/sh -c "cd /big && /bb/cat zz && /bb/busybox md5sum text noise zz"
        assert_status 0
        assert_equal "$output" "last"$'\n'"$sum"
        [ -n "$(ls "$XDG_CACHE_HOME/bryo/index")" ]
        run --separate-stderr lazily always /bb/sh -c "cd /big && /bb/tail -c 5 zz && /bb/dd if=text bs=1 skip=20000000 count=100 2>/dev/null | /bb/wc -c && /bb/busybox md5sum text noise zz"
        assert_status 0
        assert_equal "$output" "last"$'\n'"100"$'\n'"$sum"
    done
}

@test "damaged and cut compressed archives fail as such" {
    local z
    hostile zeros
    cp "$A" "$TMP/plain.tar"
    for z in gzip zstd; do
        command -v $z >/dev/null || continue
        A=$TMP/image.$z
        $z -c <"$TMP/plain.tar" | head -c 300000 >"$A"
        run lazily always /bb/true
        assert_status 125
        assert_output "the archive was cut short: the $z data ends in the middle"
        $z -c <"$TMP/plain.tar" >"$A"
        printf 'XXXXXXXX' | dd of="$A" bs=1 seek=200000 conv=notrunc status=none
        run lazily always /bb/true
        assert_status 125
        assert_output "the archive is damaged"
        # Something behind the end.
        { $z -c <"$TMP/plain.tar"; echo garbage; } >"$A"
        run lazily always /bb/true
        assert_status 125
        assert_output "the archive is damaged ("
    done
    # A bomb ends at the limit.
    A=$TMP/image.gz
    gzip -c <"$TMP/plain.tar" >"$A"
    run "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --max-size 10m "$A" -- /bb/true
    assert_status 125
    assert_output 'entry "zeros": the file is large: more than 10485760 bytes'
    assert_output "hint: if you trust it, raise the limit with --max-size"
    [ -z "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]
}

@test "it is writable: changes, new owners, renamed and removed files, and none of it stays" {
    hostile modes
    run --separate-stderr lazily always /bb/sh -ec '
        PATH=/bb
        echo more >>/readonly/a && cat /readonly/a
        chmod 600 /readonly/a && stat -c %a /readonly/a
        mv /readonly/sub/b /moved && cat /moved
        rm -r /tmp && ls -d /tmp 2>/dev/null || echo gone
        mkdir -p /new/dir && touch /new/dir/file && mv /new /newer && ls /newer/dir
        chmod 755 /bb/busybox && id -u
        ! ls /readonly/sub/b 2>/dev/null'
    assert_status 0
    assert_equal "$output" $'data\nmore\n600\ndata\ngone\nfile\n0'
    run lazily always /bb/sh -c '/bb/cat /readonly/a; /bb/ls -d /tmp /newer'
    assert_output "data"
    refute_output "more"
    assert_output "ls: /newer: No such file"
}

@test "another owner, where there are others" {
    skip_without_subids
    hostile owners
    run lazily always /bb/sh -ec 'PATH=/bb; stat -c "%u:%g %a" /other /dir; chown 3:4 /other /dir; stat -c "%u:%g" /other /dir'
    assert_status 0
    assert_output $'7:8 6755\n7:8 2755\n3:4\n3:4'
}

@test "device nodes are seen and lead nowhere, FIFOs work" {
    hostile devices
    run lazily always /bb/sh -c 'PATH=/bb; stat -c "%F %t:%T" /null /disk /fifo; cat /null; cat /after; (echo through >/fifo &) ; cat /fifo; rm /null && ls /null'
    assert_output $'character special file 1:3\nblock special file 8:0\nfifo 0:0'
    assert_output "can't open '/null': Permission denied"
    assert_output $'data\nthrough'
    assert_output "ls: /null: No such file or directory"
}

# With the host's tools, for busybox has none for attributes.
with_host_tools() { # CASE
    [ -d /usr/lib64 ] && [ -L /lib ] || skip "the host's /usr is not merged"
    "$BRYO_TOP/tests/image/hostile.py" --with-busybox "$(command -v busybox)" "$1" >"$A"
    mkdir "$TMP/links"
    ln -s usr/lib "$TMP/links/lib"
    ln -s usr/lib64 "$TMP/links/lib64"
    python3 - "$A" <<'END' # tar -r would stop at the odd end of some
import sys, tarfile
data = open(sys.argv[1], "rb").read()
import io
extra = io.BytesIO()
with tarfile.open(fileobj=extra, mode="w") as t:
    for name, target in (("lib", "usr/lib"), ("lib64", "usr/lib64")):
        i = tarfile.TarInfo(name)
        i.type, i.linkname = tarfile.SYMTYPE, target
        t.addfile(i)
    i = tarfile.TarInfo("usr")
    i.type, i.mode = tarfile.DIRTYPE, 0o755
    t.addfile(i)
open(sys.argv[1], "wb").write(extra.getvalue()[:3 * 512] + data)
END
}

@test "extended attributes and file capabilities" {
    skip_without getfattr getcap
    with_host_tools xattrs
    run "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --bind /usr:/usr:ro "$A" -- /usr/bin/bash -c '
        export PATH=/usr/bin:/usr/sbin
        cd / && getfattr --only-values -n user.a user | tr "\0" "~"; echo
        getfattr --only-values -n user.kept trusted; echo
        getfattr -d -m - trusted | grep -c =
        getcap /caps /caps3
        setfattr -n user.a -v changed /user && getfattr --only-values -n user.a user'
    assert_status 0
    assert_output "value~with nul"
    assert_output $'yes\n1\n/caps cap_net_raw=ep\n/caps3 cap_net_raw=ep\nchanged'
    assert_output '2 extended attributes of kinds that images do not carry over were left out'
    assert_output '1 extended attribute was not taken by the file system'
}

@test "access control lists" {
    skip_without getfacl
    skip_without_subids
    with_host_tools acls
    run "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --bind /usr:/usr:ro "$A" -- /usr/bin/bash -c '
        export PATH=/usr/bin
        getfacl -ncp /file /dir; touch /dir/new; getfacl -ncp /dir/new | grep user:7'
    assert_status 0
    assert_output $'user::rw-\nuser:1:r--\ngroup::r--\nmask::r--\nother::---'
    assert_output $'user::rwx\nuser:7:rwx\ngroup::r-x\ngroup:8:r--\nmask::rwx\nother::---\ndefault:user::rwx\ndefault:user:7:r-x'
    assert_output "user:7:r-x"
}

@test "what overlayfs takes for its own is not passed on" {
    hostile overlay-marks
    run --separate-stderr lazily always /bb/sh -c 'PATH=/bb; cat /opaque/file /redirect/file; ls /; stat -c %F /whiteout'
    assert_output $'data\ndata'
    [[ "$stderr" == *"2 extended attributes of kinds that images do not carry over were left out"* ]]
    [[ "$stderr" == *"1 device node was left out"* ]]
    [[ "$output" != *whiteout* ]]
}

@test "the user, and files of /etc, also where /etc is a link" {
    hostile etc-files
    run "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --hostname lazyhost --add-host other:10.9.8.7 "$A" -- \
        /bb/sh -c 'PATH=/bb; echo $HOME; cat /etc/hostname; busybox grep other /etc/hosts; ls /etc'
    assert_status 0
    assert_output $'/home/of-root\nlazyhost'
    assert_output "10.9.8.7 other"
    has_subids || return 0
    run "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --user someone:helpers "$A" -- /bb/id
    assert_output "uid=5"
    assert_output "gid=6"
    hostile etc-link
    run "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --hostname lazyhost "$A" -- \
        /bb/sh -c 'PATH=/bb; echo $HOME; cat /etc/hostname; readlink /etc'
    assert_status 0
    assert_equal "$output" $'/home/of-root\nlazyhost\nreal/etc'
}

@test "a saved index is used, and not believed" {
    local index n
    hostile usrmerge
    look always >"$TMP/first"
    index=$(echo "$XDG_CACHE_HOME"/bryo/index/*)
    [ -s "$index" ]
    assert_equal "$(stat -c %a "$index" "${index%/*}" | xargs)" "600 700"
    cp "$index" "$TMP/index"
    look always | diff "$TMP/first" -
    # Damage anywhere is found, and mended by a new one.
    for n in 0 9 40 100 300 $(($(stat -c %s "$index") / 2)) $(($(stat -c %s "$index") - 1)); do
        cp "$TMP/index" "$index"
        printf '\377\377' | dd of="$index" bs=1 seek="$n" conv=notrunc status=none
        look always | diff "$TMP/first" -
        cmp "$TMP/index" "$index"
    done
    : >"$index"
    look always | diff "$TMP/first" -
    head -c 1000 "$TMP/index" >"$index"
    look always | diff "$TMP/first" -
    # One in a directory of others is neither read nor written.
    : >"$index"
    chmod 777 "${index%/*}"
    look always | diff "$TMP/first" -
    [ ! -s "$index" ]
    chmod 700 "${index%/*}"
    # A link is not followed.
    rm "$index"
    echo untouched >"$TMP/other"
    ln -s "$TMP/other" "$index"
    look always | diff "$TMP/first" -
    assert_equal "$(cat "$TMP/other")" untouched
}

@test "an archive that changes gets a new index" {
    hostile usrmerge
    run --separate-stderr lazily always /bb/cat /usr/bin/ls
    assert_equal "$output" ls
    hostile dots
    run --separate-stderr lazily always /bb/cat /a
    assert_equal "$output" data
    run lazily always /bb/cat /usr/bin/ls
    assert_status 1
}

@test "a file that is cut off while it is served is an error inside, and nothing else" {
    hostile dots
    head -c 3000000 /dev/urandom >"$TMP/noise"
    tar -C "$TMP" --append -f "$A" noise
    mkfifo "$TMP/fifo"
    "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --bind "$TMP/fifo:/fifo" "$A" -- \
        /bb/sh -c 'PATH=/bb; cat /fifo; cat /noise >/dev/null; echo status $?; cat /a' >"$TMP/out" 2>&1 3>&- &
    local sandbox=$!
    echo go >"$TMP/fifo"
    wait $sandbox || true
    grep -q "status 0" "$TMP/out"
    "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --bind "$TMP/fifo:/fifo" "$A" -- \
        /bb/sh -c 'PATH=/bb; cat /fifo; cat /noise >/dev/null; echo status $?; ls /' >"$TMP/out" 2>&1 3>&- &
    sandbox=$!
    { truncate -s 1500000 "$A"; echo go; } >"$TMP/fifo"
    wait $sandbox || true
    grep -q "status 1" "$TMP/out"
    grep -qi "i/o error\|input/output error\|bad address" "$TMP/out"
}

server_of() { # ARCHIVE
    pgrep -o -f "^$SERVER $1 "
}

@test "a server that is killed: errors inside, a warning outside, nothing left" {
    hostile dots
    mkfifo "$TMP/fifo"
    "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --bind "$TMP/fifo:/fifo" "$A" -- \
        /bb/sh -c 'PATH=/bb; cat /fifo; exec 2>&1; cat /a; ls /b/c && echo there; exit 7' >"$TMP/out" 2>"$TMP/err" 3>&- &
    local sandbox=$! status=0
    # Opened once the command reads it: before that there may be a server, but no container yet.
    {
        kill -KILL "$(server_of "$A")"
        echo go
    } >"$TMP/fifo"
    wait $sandbox || status=$?
    [ $status -ne 0 ]
    run cat "$TMP/out" "$TMP/err"
    refute_output "there"
    assert_output "files of the image can't be read any more: bryo-image-mount ended (killed by SIGKILL)"
    [ -z "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]
}

@test "bryo killed: the server ends as well" {
    hostile dots
    "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always "$A" -- /bb/sleep 1000 >/dev/null 2>&1 3>&- &
    local sandbox=$!
    wait_for 10 server_of "$A"
    sleep 0.3
    kill -KILL $sandbox
    wait $sandbox || true
    gone() { ! server_of "$A"; }
    wait_for 10 gone
    run lazily always /bb/true # sweeps
    [ -z "$(ls -A "$XDG_CACHE_HOME/bryo/sandbox")" ]
    "$BRYO" --root "$BRYO_ROOT" list -q | xargs -r -n 1 "$BRYO" --root "$BRYO_ROOT" delete --force
}

@test "exec enters it" {
    hostile dots
    "$BRYO" --root "$BRYO_ROOT" sandbox --name lazy1 --lazy always "$A" -- /bb/sleep 1000 >/dev/null 2>&1 3>&- &
    local sandbox=$!
    running() { [ "$(bryo state lazy1 | jq -r .status)" = running ]; }
    wait_for 10 running
    run bryo exec lazy1 /bb/cat /a
    assert_equal "$output" data
    bryo kill lazy1 KILL
    wait $sandbox || true
}

@test "what can't be had is told" {
    hostile dots
    run lazily sometimes /bb/true
    assert_status 125
    assert_output '--lazy: "sometimes": expected auto, always or never'
    run bash -c "'$BRYO' --root '$BRYO_ROOT' sandbox --lazy always - -- /bb/true <'$A'"
    assert_status 0
    run bash -c "cat '$A' | '$BRYO' --root '$BRYO_ROOT' sandbox --lazy always - -- /bb/true"
    assert_status 125
    assert_output "--lazy always: image \"-\" can't run without being unpacked: it is no regular file"
    run "$BRYO" --root "$BRYO_ROOT" sandbox --lazy always --keep "$A" -- /bb/true
    assert_status 125
    assert_output "--keep keeps files that are unpacked"
    bzip2 -c <"$A" >"$TMP/image.bz2"
    A=$TMP/image.bz2 run lazily always /bb/true
    assert_status 125
    assert_output "only plain, gzip and zstd archives can be read from the middle"
    echo "no archive" >"$TMP/text"
    A=$TMP/text run lazily always /bb/true
    assert_status 125
    assert_output "not an archive bryo can read"
    BRYO_HELPER_DIR=$TMP run lazily always /bb/true
    assert_status 125
    assert_output "bryo-image-mount is not installed"
    run "$SERVER"
    assert_status 2
    assert_output "bryo-image-mount is a part of bryo"
}

@test "auto takes large archives, unpacks small and unfit ones, and says so with --log-level info" {
    hostile dots
    run "$BRYO" --root "$BRYO_ROOT" --log-level info sandbox "$A" -- /bb/true
    assert_status 0
    assert_output "is unpacked: it is small"
    head -c 9000000 /dev/zero >"$TMP/zero"
    tar -C "$TMP" --append -f "$A" zero
    run "$BRYO" --root "$BRYO_ROOT" --log-level info sandbox "$A" -- /bb/true
    assert_status 0
    assert_output "runs without being unpacked"
    refute_output "is unpacked"
    run "$BRYO" --root "$BRYO_ROOT" --log-level info sandbox --keep --name kept "$A" -- /bb/true
    assert_status 0
    assert_output "is unpacked: --keep keeps files that are unpacked"
    bryo delete kept
    # What the index refuses the unpacker may take, and has the last word.
    printf 'X' | dd of="$A" bs=1 seek=600000 conv=notrunc status=none
    run "$BRYO" --root "$BRYO_ROOT" --log-level info sandbox "$A" -- /bb/true
    [ "$status" = 0 ] || assert_output "damaged"
}
