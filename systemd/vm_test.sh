#!/bin/sh
# Boots a small Debian in qemu, with obisd's files and a simulated meter on its second serial port; vm_steps.sh, run by
# the systemd in there, installs obisd and tries all that an administrator counts on. Prints what vm_steps.sh prints.
# Wants root, mmdebstrap and qemu; no KVM; needs about five minutes. SUITE: another Debian; LIMIT: seconds for the machine.
set -eu

[ "$(id -u)" = 0 ] || { echo "vm_test.sh: it makes a system below a directory: run it as root" >&2; exit 1; }
for tool in mmdebstrap mke2fs qemu-system-x86_64; do
  command -v $tool >/dev/null ||
    { echo "vm_test.sh: $tool is missing (apt-get install mmdebstrap e2fsprogs qemu-system-x86)" >&2; exit 1; }
done

here=$(cd "$(dirname "$0")" && pwd)
project=$(dirname "$here")
deno=${DENO:-$(deno eval 'console.log(Deno.execPath())')}
box=$(mktemp -d /var/tmp/obisd-vm-XXXXXX)
meter=''
cleanup() {
  [ -z "$meter" ] || kill "$meter" 2>/dev/null || true
  wait
  rm -rf "$box"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# wait_for SECONDS COMMAND…
wait_for() {
  left=$(($1 * 5))
  shift
  until "$@"; do
    [ $left -gt 0 ] || return 1
    left=$((left - 1))
    sleep 0.2
  done
}

# A disk with Debian, obisd's files and the steps as a unit that ends with the machine switched off.
make_disk() {
  root=$box/root
  mmdebstrap --quiet --variant=minbase --include=systemd-sysv,udev,linux-image-cloud-amd64 \
    --dpkgopt='path-exclude=/usr/share/doc/*' "${SUITE:-bookworm}" "$root" >/dev/null
  mkdir "$root/root/obisd"
  cp -R "$here" "$project/dist" "$root/root/obisd/"
  cp "$deno" "$root/root/deno"
  echo 'LABEL=root / ext4 defaults 0 1' >"$root/etc/fstab"
  cat >"$root/etc/systemd/system/vm-steps.service" <<'UNIT'
[Unit]
After=multi-user.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'exec >/dev/ttyS2 2>&1; stty -onlcr <&1; exec sh /root/obisd/systemd/vm_steps.sh'
[Install]
WantedBy=multi-user.target
UNIT
  systemctl --quiet --root="$root" enable vm-steps.service
  mv "$root"/boot/vmlinuz-* "$box/kernel"
  mv "$root"/boot/initrd.img-* "$box/initrd"
  mke2fs -q -t ext4 -L root -d "$root" "$box/disk" 2G >/dev/null
  rm -rf "$root"
}

# The meter of vm_steps.sh: 62 values, about two seconds at 9600 Bd. On TCP, for a port of qemu sends in no time, and a
# meter that watched the client's speed would find it changed too early.
start_meter() {
  {
    echo '/OBI5VM'
    echo '0.0.0(00016550)'
    echo '1.8.0(000123.4500*kWh)'
    for tariff in $(seq 1 60); do printf '1.8.%d(0%05d.%04d*kWh)\n' "$tariff" "$((tariff * 7))" "$tariff"; done
    echo '!'
  } >"$box/telegram"
  "$deno" run --quiet --no-config --no-lock --allow-all "$project/dist/obisd.js" simulate "$box/telegram" \
    --listen tcp://127.0.0.1:0 --log-level debug >"$box/meter.log" 2>&1 &
  meter=$!
  wait_for 60 grep -q Listening "$box/meter.log" || { cat "$box/meter.log" && false; }
  meter_port=$(sed -n 's|^Listening on tcp://127.0.0.1:||p' "$box/meter.log")
}

# Serial ports of the guest: the console, the meter, what the steps print.
run_machine() {
  timeout "${LIMIT:-600}" qemu-system-x86_64 -m 1024 -smp 2 -nodefaults -display none -no-reboot -accel tcg \
    -kernel "$box/kernel" -initrd "$box/initrd" -append "root=LABEL=root rw console=ttyS0 quiet systemd.show_status=no systemd.mask=serial-getty@ttyS0.service" \
    -drive "file=$box/disk,if=virtio,format=raw,cache=unsafe" \
    -serial "file:$box/console" -serial "tcp:127.0.0.1:$meter_port" -serial stdio \
    </dev/null || echo "not ok the machine ends by itself"
}

make_disk
start_meter
run_machine | tee "$box/report"
if grep -q '^vm: .* | 0 failed' "$box/report"; then exit 0; fi
echo "The machine's console and the meter at the end:"
tail -n 40 "$box/console" "$box/meter.log"
exit 1
