#!/bin/sh
# Installs the mosquitto broker through the system's package manager where it is missing.
PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/usr/local/opt/mosquitto/sbin"
command -v mosquitto >/dev/null && exit 0

root=""
[ "$(id -u)" = 0 ] || root="sudo -n"
if command -v apt-get >/dev/null; then
    install="$root apt-get install -y -q mosquitto"
    $root apt-get update -q >/dev/null 2>&1
elif command -v dnf >/dev/null; then
    install="$root dnf install -y -q mosquitto"
elif command -v brew >/dev/null; then
    install="brew install --quiet mosquitto"
else
    install="false"
fi
DEBIAN_FRONTEND=noninteractive $install >/dev/null 2>&1 && command -v mosquitto >/dev/null && exit 0
echo "The MQTT broker mosquitto is missing and could not be installed: install the package 'mosquitto' and try again." >&2
exit 1
