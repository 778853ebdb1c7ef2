# What the trials of an installation share: chroot_test.sh, vm_test.sh with vm_steps.sh, arm64_test.sh. They source it.

passed=0 failed=0 meters=''
export NO_COLOR=1

# wants PACKAGES TOOL…: root, and these programs, which Debian has in those packages.
wants() {
  packages=$1
  shift
  [ "$(id -u)" = 0 ] || { echo "$0: it makes a system below a directory: run it as root" >&2; exit 1; }
  for tool in "$@"; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is missing (apt-get install $packages)" >&2; exit 1; }
  done
}

# make_box NAME: a folder for all that is made, in $box, which is gone at the end; and where things are.
make_box() {
  project=$(cd "$(dirname "$0")/.." && pwd)
  deno=${DENO:-$(deno eval 'console.log(Deno.execPath())')}
  box=$(mktemp -d "/var/tmp/obisd-$1-XXXXXX")
  log=$box/step.log
  trap clean_up EXIT
  trap 'exit 130' INT TERM
}

clean_up() {
  for meter in $meters; do kill "$meter" 2>/dev/null || true; done
  wait
  ! mountpoint -q "$box/root/proc" || umount "$box/root/proc"
  rm -rf "$box"
}

# meter NAME ARGUMENTS…: a simulated meter; where it is asked is in $endpoint, what it says in NAME.log.
meter() {
  meter_log=$box/$1.log
  shift
  "$deno" run --quiet --no-config --no-lock --allow-all "$project/dist/obisd.js" simulate "$@" >"$meter_log" 2>&1 &
  meters="$meters $!"
  within 60 grep -q '^Listening on ' "$meter_log" || { cat "$meter_log" && false; }
  endpoint=$(sed -n 's/^Listening on //p' "$meter_log")
}

# step NAME COMMAND…: what must go well, and how long it took. What the last one wrote is in $log, the one before in $log.before.
step() {
  name=$1 step_begun=$(now)
  shift
  [ ! -e "$log" ] || mv "$log" "$log.before"
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    echo "ok $name ($(since "$step_begun") s)"
  else
    failed=$((failed + 1))
    echo "not ok $name ($(since "$step_begun") s)"
    explain 2>&1 | cut -c 1-300 | sed 's/^/    /'
  fi
}

explain() { tail -n 40 "$log"; }

refused() { ! "$@"; }
now() { cut -d ' ' -f 1 /proc/uptime; }
since() { echo "$1 $(now)" | awk '{ printf "%.1f", $2 - $1 }'; }

# within SECONDS COMMAND…: it becomes true in time.
within() {
  until_s=$(($(cut -d . -f 1 /proc/uptime) + $1))
  shift
  until "$@"; do
    [ "$(cut -d . -f 1 /proc/uptime)" -lt $until_s ] || { echo "not in time: $*" && return 1; }
    sleep 0.1
  done
}

# summary NAME: the last line, and whether all went well.
summary() {
  echo "$1: $passed passed | $failed failed"
  [ $failed = 0 ]
}
