#!/bin/sh
# The bundle on arm64, the machine of most meter rooms, emulated: Deno's arm64 program from npm, Debian's arm64 libc, qemu's
# user emulation. The program reads a simulated meter of the host, on a pseudo-terminal and over TCP, and runs as a daemon;
# then the suite's tests of libc, transports and journal; with "short" none of those that start workers, for each of these
# takes a minute. Wants root, npm, mmdebstrap and qemu-user-static; half an hour. A child of an arm64
# process is started by binfmt_misc, in a user namespace: nothing changes outside.
# Prints "ok NAME" or "not ok NAME" for each step and a count.
set -eu

. "$(dirname "$0")/trial.sh"
wants "npm mmdebstrap qemu-user-static util-linux" npm mmdebstrap qemu-aarch64-static unshare
make_box arm64
unset OBISD_TEST_ALL # not all can run here
export DENO_DIR="$box/cache" DENO_NO_UPDATE_CHECK=1 QEMU_LD_PREFIX="$box/root"

# tests COMMAND…: adds what Deno counted.
tests() {
  code=0
  "$@" >"$log" 2>&1 || code=$?
  grep -aE '\.\.\. ' "$log" || true
  good=$(sed -n 's/^\(ok\|FAILED\) | \([0-9]*\) passed.*/\2/p' "$log")
  bad=$(sed -n 's/^\(ok\|FAILED\) | .*| \([0-9]*\) failed.*/\2/p' "$log")
  passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-0}))
  [ $code = 0 ] || sed -n '/ ERRORS/,$p' "$log"
  if [ $code != 0 ] || [ "${good:-0}" = 0 ]; then failed=$((failed + 1 - (${bad:-0} > 0))); fi
}

fetch() {
  version=$("$deno" --version | sed -n 's/^deno \([0-9.]*\).*/\1/p')
  (cd "$box" && npm pack --silent "@deno/linux-arm64-glibc@$version" >/dev/null && tar -xzf deno-*.tgz)
  mmdebstrap --quiet --variant=extract --architectures=arm64 --include=libc6,libgcc-s1 "${SUITE:-bookworm}" "$box/root" >/dev/null
  find "$box/root" -mindepth 1 -maxdepth 1 ! -name lib ! -name usr -exec rm -rf {} + # what is looked for there, else here
}

# arm64 SECONDS ARGUMENTS…: Deno as an arm64 machine has it. It starts no child of its own kind.
arm64() {
  limit=$1
  shift
  timeout "$limit" qemu-aarch64-static "$box/package/deno" "$@"
}

# The same where an arm64 program is one like any other. Disks cannot be mounted there.
family() {
  unshare --user --map-root-user --mount --pid --fork --kill-child --mount-proc sh -c '
    mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
    printf %s "$0" >/proc/sys/fs/binfmt_misc/register
    exec timeout "$@"' "$BINFMT" "$@"
}
BINFMT=':qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
BINFMT=$BINFMT':\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'$(command -v qemu-aarch64-static):F

obisd() { arm64 600 run --quiet --no-config --no-lock --allow-all "$project/dist/obisd.js" "$@"; }
shows() {
  wanted=$1
  shift
  "$@" >"$box/shown" || return 1
  cat "$box/shown"
  grep -q -- "$wanted" "$box/shown"
}

lines() { cat "$box/readings.csv" 2>/dev/null | grep -c ",$1," || true; }

# A daemon for some readouts, stopped as systemd stops it: each in the file, whole.
runs() {
  cat >"$box/obisd.yaml" <<YAML
runtime_directory: $box/run
lines: { l: { url: "$endpoint" } }
meters: [{ name: m, line: l, every: 5s, mode: A, obis: ["1.8.0", "32.7.0"] }]
sinks: [{ type: csv, path: "$box/readings.csv" }]
journal: { path: "$box/journal.db", unsynchronised: flag }
YAML
  qemu-aarch64-static "$box/package/deno" run --quiet --no-config --no-lock --allow-all "$project/dist/obisd.js" \
    run -c "$box/obisd.yaml" &
  daemon=$!
  for _ in $(seq 300); do
    [ "$(lines '1\.8\.0')" -lt 3 ] || break
    sleep 1
  done
  kill "$daemon"
  wait "$daemon" || return 1
  cat "$box/readings.csv"
  [ "$(lines '1\.8\.0')" -ge 3 ] && [ "$(lines '1\.8\.0')" = "$(lines '32\.7\.0')" ]
}

fetch
step "Deno for arm64 runs" shows aarch64 arm64 600 --version
step "obisd --version" shows '^obisd ' obisd --version
step "obisd decode" shows '1\.8\.0  *012345\.678 kWh' obisd decode "$project/demo/household.txt"
household="$project/demo/household.txt --mode A --no-pacing" # two words and more
meter port $household --pty "$box/port"
step "a readout on a pseudo-terminal" shows '1\.8\.0  *012345\.678 kWh' obisd read "$endpoint" --mode A --obis 1.8.0
meter tcp $household --listen tcp://127.0.0.1:0
step "a readout over TCP" shows '1\.8\.0  *012345\.678 kWh' obisd read "$endpoint" --mode A --obis 1.8.0
step "a daemon, its journal, a CSV file" runs

# The sources are stripped of types by the host. With few programs on their path some tests pass over themselves: they want a
# compiler for arm64, or ser2net, behind which the meter's pace is too much for an emulated reader.
cd "$project"
mkdir "$box/bin"
for tool in mount umount mkfs.ext4 chattr perl timeout qemu-aarch64-static; do ln -s "$(command -v $tool)" "$box/bin/$tool"; done
journal="test/journal_test.ts $(ls test/journal/*_test.ts | grep -v disk_test)"
[ "${1:-}" != short ] || journal="test/journal/record_test.ts test/journal/thin_test.ts"
"$deno" test --quiet --no-check --no-run --allow-all test/libc_test.ts test/transport test/journal_test.ts test/journal
few="env PATH=$box/bin TMPDIR=$box"
tests family 3000 $few "$box/package/deno" test --no-check --allow-all test/libc_test.ts test/transport
suite() { unshare --mount $few timeout --signal=KILL "$1" qemu-aarch64-static "$box/package/deno" test --no-check --allow-all $2; }
tests suite 3000 "--parallel $journal"
# Disks are mounted by programs that the tests start, and now and then qemu's child stands still before it is one: once more.
disks() {
  for _ in 1 2 3; do
    code=0
    suite 900 test/journal/disk_test.ts || code=$?
    [ $code = 137 ] || return $code
  done
  return $code
}
[ "${1:-}" = short ] || tests disks

summary arm64
