#!/bin/bash
# A CI job in a sandbox: the work tree is all that it can write, there is no network, and nothing of the caller's
# environment reaches it but what is named. Its exit status is the job's.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
trap 'rm -rf job image.tar.gz' EXIT

# A stand-in for a project: its test writes a report and looks for a network.
mkdir job
cat >job/run-tests <<'JOB'
#!/bin/sh
echo "build $BUILD_NUMBER, secrets seen: ${SECRET:-none}"
ls /sys/class/net | grep -qv lo && echo "there is a network" || echo "no network"
touch /bin/new-file 2>/dev/null && echo "the image can be changed" || echo "the image is read-only"
echo "all tests passed" > report.txt
JOB
chmod +x job/run-tests
"$here/make-rootfs" image.tar.gz

export SECRET=hunter2
bryo sandbox --read-only --net none --bind "$PWD/job:/work" --cwd /work --env BUILD_NUMBER=7 image.tar.gz -- ./run-tests
#> build 7, secrets seen: none
#> no network
#> the image is read-only

cat job/report.txt
#> all tests passed

# A failing job fails here as well, with its own status.
status=0
bryo sandbox --net none image.tar.gz -- sh -c 'exit 3' || status=$?
echo "a job that fails: status $status"
#> a job that fails: status 3
