#!/bin/sh
# From a bare Raspberry Pi OS or Debian (bookworm, trixie) to edge-run as a service:
#
#   sudo sh install.sh                          from the package index, or from the checkout this file lies in
#   sudo sh install.sh --wheels DIR             Python packages from a folder; apt needs its packages all the same
#   sudo sh install.sh --dry-run                says what would be changed
#   sudo sh install.sh --extras web,mqtt ...    further options go to: edge-device install
#
# It installs what is missing through apt, makes a small environment that holds "edge-device" alone, lets that do the rest
# and removes the small environment again. A second run changes nothing; one that was cut short is completed by the next.
set -eu

# Root's own place, so that nobody can put something there first; removed before it is made, and in the end.
BOOTSTRAP=/opt/.emot-edge-bootstrap

wheels=
dry_run=

say() { printf '%s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

usage() {
    sed -n '2,/^set -eu/{/^#/!d;s/^# \{0,1\}//;p;}' "$0"
    exit 0
}

# What is not installed, of the packages that are named and that this system's archive has.
missing() {
    for package in "$@"; do
        state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || printf '%s ' "$package"
    done
}

# The first of several names that the archive or the system knows: Debian renames libraries now and then.
known() {
    for package in "$@"; do
        if apt-cache show "$package" 2>/dev/null | grep -q '^Package:'; then
            say "$package"
            return
        fi
    done
}

check_system() {
    command -v apt-get >/dev/null || fail "apt-get is missing: this is for Raspberry Pi OS and Debian; elsewhere: pip install emot-edge, then edge-device install"
    case $(dpkg --print-architecture) in
        amd64 | arm64) ;;
        *) fail "this system is built for $(dpkg --print-architecture): no engine has packages for it; write the 64-bit system to the card" ;;
    esac
    [ -n "$dry_run" ] || [ "$(id -u)" = 0 ] || fail "this changes the system: run it as root, with sudo"
    if [ -n "$wheels" ] && [ ! -d "$wheels" ]; then
        fail "$wheels is no folder; --wheels takes one with emot_edge-*.whl and what it needs"
    fi
}

install_packages() {
    # A package that a power cut left half done stops every later one.
    if [ -n "$(dpkg --audit)" ]; then
        if [ -n "$dry_run" ]; then
            say "run     dpkg --configure -a"
        else
            dpkg --configure -a
        fi
    fi
    if [ -n "$(lacking)" ] || [ -z "$(known libgl1)" ]; then # a fresh image has no lists of packages
        if [ -n "$dry_run" ]; then
            say "run     apt-get update"
            say "run     apt-get install $(lacking)"
            return 0
        fi
        apt-get update -qq || say "apt-get update failed; trying with the lists that are there"
    fi
    packages=$(lacking)
    [ -n "$packages" ] || return 0
    say "apt     $packages"
    # shellcheck disable=SC2086 # names of packages hold no blanks
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
}

# Packages that are needed and not installed. Picamera2 is in the archive of Raspberry Pi OS alone.
lacking() {
    # shellcheck disable=SC2046
    missing python3-venv libgl1 $(known libglib2.0-0t64 libglib2.0-0) $(known python3-picamera2)
}

# An environment with "edge-device" and the two packages that it needs; no engine, no OpenCV.
bootstrap() {
    folder=$1
    rm -rf "$folder"
    python3 -m venv "$folder"
    set -- install --quiet --no-input --disable-pip-version-check
    if [ -n "$wheels" ]; then
        set -- "$@" --no-index --find-links "$wheels"
    fi
    source=emot-edge
    here=$(cd "$(dirname "$0")" && pwd)
    if [ -z "$wheels" ] && [ -f "$here/../pyproject.toml" ]; then
        source=$here/..
    fi
    "$folder/bin/python" -m pip "$@" --no-deps "$source"
    "$folder/bin/python" -m pip "$@" typer msgspec
}

main() {
    check_system
    install_packages
    if [ -n "$dry_run" ]; then
        if ! python3 -c 'import ensurepip' 2>/dev/null; then
            say "then    edge-device install; once that is there, it says more: --dry-run"
            return 0
        fi
        BOOTSTRAP=$(mktemp -d)
    fi
    trap 'rm -rf "$BOOTSTRAP"' EXIT
    trap 'exit 130' INT TERM HUP
    bootstrap "$BOOTSTRAP"
    [ -z "$wheels" ] || set -- --wheels "$wheels" "$@"
    [ -z "$dry_run" ] || set -- --dry-run "$@"
    "$BOOTSTRAP/bin/edge-device" install "$@"
}

# What is meant for this file is taken out; the rest stays, in order.
count=$#
while [ "$count" -gt 0 ]; do
    option=$1
    shift
    count=$((count - 1))
    case $option in
        -h | --help) usage ;;
        --dry-run) dry_run=yes ;;
        --wheels)
            [ "$count" -gt 0 ] || fail "--wheels needs a folder"
            wheels=$1
            shift
            count=$((count - 1))
            ;;
        --wheels=*) wheels=${option#--wheels=} ;;
        *) set -- "$@" "$option" ;;
    esac
done

main "$@"
