# Intel RDT and AMD QoS, as far as a machine without them goes; what resctrl does is in tests/unit/test_resctrl.c.

load ../lib/common

setup() {
    bryo_setup
    B=$TMP/bundle
    make_bundle "$B"
    ID=$(new_id)
}

@test "linux.intelRdt without a resctrl file system is an error that tells what to mount" {
    ! grep -q ' - resctrl ' /proc/self/mountinfo || skip "this machine has resctrl mounted"
    edit_config "$B" '.linux.intelRdt = {}'
    run bryo create -b "$B" "$ID"
    assert_status 1
    assert_output "linux.intelRdt: no resctrl file system is mounted"
    assert_output "hint: mount -t resctrl resctrl /sys/fs/resctrl"
    [ ! -e "$BRYO_ROOT/$ID" ]
}

@test "update of a container that is in no class" {
    set_args "$B" /bin/sleep 1000
    bryo run -d -b "$B" "$ID"
    run bryo update --l3-cache-schema L3:0=f --mem-bw-schema MB:0=20 "$ID"
    assert_status 1
    assert_output "cannot update container \"$ID\": it is in no class of Intel RDT"
    assert_output "hint: linux.intelRdt of config.json"
}
