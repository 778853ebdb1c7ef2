#!/bin/sh
# Boots a small Debian in qemu, with obisd's files, a simulated meter on its second serial port and another behind a USB
# adapter; vm_steps.sh, run by the systemd in there, installs obisd and tries all that an administrator counts on, and lets
# the adapter be pulled and plugged from here. Prints what vm_steps.sh prints. Wants root, mmdebstrap and qemu; no KVM;
# needs about ten minutes. SUITE: another Debian; LIMIT: seconds for the machine; OBISD_REPLUGS: how often it is pulled.
set -eu

. "$(dirname "$0")/trial.sh"
wants "mmdebstrap e2fsprogs qemu-system-x86" mmdebstrap mke2fs qemu-system-x86_64
make_box vm

# Disks: Debian with obisd's files and the steps as a unit that ends with the machine switched off; and an empty one for the
# journal, to be frozen. The kernel is the usual one, for the cloud's has no USB adapters; what it has no use for stays away.
make_disks() {
  root=$box/root
  mmdebstrap --quiet --variant=minbase --include=systemd-sysv,udev,linux-image-amd64 \
    --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"' \
    --essential-hook='echo MODULES=list >"$1/etc/initramfs-tools/conf.d/small"' \
    --essential-hook='printf "virtio_pci\nvirtio_blk\next4\n" >"$1/usr/share/initramfs-tools/modules.d/small"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/gpu/*' \
    --dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/net/*' --dpkgopt='path-exclude=/lib/modules/*/kernel/sound/*' \
    --dpkgopt='path-exclude=/lib/modules/*/kernel/drivers/media/*' "${SUITE:-bookworm}" "$root" >/dev/null
  mkdir "$root/root/obisd"
  cp -R "$project/systemd" "$project/dist" "$root/root/obisd/"
  cp "$deno" "$root/root/deno"
  echo "${OBISD_REPLUGS:-2}" >"$root/root/replugs"
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
  mke2fs -q -t ext4 -L journal "$box/journal" 64M >/dev/null
  rm -rf "$root"
}

# watched NAME: says NAME.telegram on a pseudo-terminal, which watches the speed that the machine sets. It answers after half
# a second: what a port of qemu sends has left at once, and the machine is slow to set the next speed.
watched() { meter "$1" "$box/$1.telegram" --pty "$box/$1.port" --fault slow:500ms --log-level debug; }

# The meters of vm_steps.sh: 62 values, about two seconds at 9600 Bd; and one value.
start_meters() {
  {
    echo '/OBI5VM'
    echo '0.0.0(00016550)'
    echo '1.8.0(000123.4500*kWh)'
    for tariff in $(seq 1 60); do printf '1.8.%d(0%05d.%04d*kWh)\n' "$tariff" "$((tariff * 7))" "$tariff"; done
    echo '!'
  } >"$box/uart.telegram"
  printf '/OBI5USB\n2.8.0(000678.9*kWh)\n!\n' >"$box/usb.telegram"
  watched uart
  watched usb
}

# qmp COMMAND ARGUMENTS: asks qemu.
qmp() {
  "$deno" eval --quiet '
    const [path, execute, its] = Deno.args;
    const connection = await Deno.connect({ transport: "unix", path });
    const send = (command) => connection.write(new TextEncoder().encode(JSON.stringify(command) + "\n"));
    await send({ execute: "qmp_capabilities" });
    await send({ execute, arguments: JSON.parse(its), id: "it" });
    let said = "";
    for await (const text of connection.readable.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (/"id": "it"/.test(said)) break;
    }
    if (/"error"/.test(said)) throw new Error(said);' "$box/qmp" "$@"
}

# plug NUMBER: the adapter, the same each time though qemu wants another name.
plug() {
  qmp device_add '{"driver":"usb-serial","id":"adapter'"$1"'","bus":"usb.0","chardev":"usb","always-plugged":true,"serial":"METER1"}'
}

# What the machine prints; lines with @ are wishes: "@ pull", "@ plug".
serve_machine() {
  plugged=0
  while IFS= read -r line; do
    case $line in
    '@ plug') plugged=$((plugged + 1)) && plug $plugged ;;
    '@ pull') qmp device_del '{"id":"adapter'"$plugged"'"}' ;;
    *) echo "$line" ;;
    esac
  done
}

# Serial ports of the guest: the console, the meter, what the steps print.
run_machine() {
  timeout "${LIMIT:-1200}" qemu-system-x86_64 -m 1024 -smp 2 -nodefaults -display none -no-reboot -accel tcg \
    -kernel "$box/kernel" -initrd "$box/initrd" -append "root=LABEL=root rw console=ttyS0 quiet systemd.show_status=no systemd.mask=serial-getty@ttyS0.service" \
    -drive "file=$box/disk,if=virtio,format=raw,cache=unsafe" -drive "file=$box/journal,if=virtio,format=raw,cache=unsafe" \
    -chardev "serial,id=uart,path=$box/uart.port" -chardev "serial,id=usb,path=$box/usb.port" \
    -device qemu-xhci,id=usb -qmp "unix:$box/qmp,server=on,wait=off" \
    -serial "file:$box/console" -serial chardev:uart -serial stdio </dev/null || echo "not ok the machine ends by itself"
}

make_disks
start_meters
run_machine | serve_machine | tee "$box/report"
if grep -q '^vm: .* | 0 failed' "$box/report"; then exit 0; fi
echo "The machine's console and the meters at the end:"
tail -n 40 "$box/console" "$box/uart.log" "$box/usb.log"
exit 1
