#!/usr/bin/env bash
# Fetches the servers that the tests start themselves, where that is permitted (root on Debian); otherwise says what will be skipped.
set -euo pipefail
declare -A packages=(
  [mosquitto]="mosquitto" [influxd]="influxdb" [victoria-metrics]="victoria-metrics"
  [postgres]="postgresql" [chromium]="chromium"
)
present() {
  case "$1" in
    postgres) command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null ;;
    mosquitto) command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] ;;
    *) command -v "$1" >/dev/null ;;
  esac
}
missing=()
for name in "${!packages[@]}"; do present "$name" || missing+=("${packages[$name]}"); done
fc-list 2>/dev/null | grep -qi 'noto.*cjk' || missing+=("fonts-noto-cjk")
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing for the tests: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # the packages' own services are not wanted: tests start servers on free ports
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  echo "not installed here and not permitted to install: ${missing[*]}; the tests that need them are skipped" >&2
fi
