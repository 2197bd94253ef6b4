# SPDX-License-Identifier: MIT OR Apache-2.0
# shellcheck shell=sh
# Sourced by the scripts that a person types: install what is missing, by Debian package name.
#
#     need PACKAGE COMMAND...    notes PACKAGE as missing unless COMMAND succeeds
#     install_missing            installs what was noted; does nothing, quickly, when nothing was

missing=

need() {
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

have() {
    command -v "$1"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install_missing() {
    [ -n "$missing" ] || return 0
    if ! have apt-get >/dev/null; then
        echo "Missing, by Debian package name:$missing. Install them and try again." >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ] && ! have sudo >/dev/null; then
        echo "Missing:$missing. Run as root: apt-get install$missing" >&2
        return 1
    fi
    echo "== Installing with apt-get:$missing"
    as_root apt-get update -qq
    # Word splitting wanted: one argument for each package.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

have_llhttp() {
    [ -f /usr/share/llhttp/llhttp.c ] || pkg-config --exists 'libllhttp >= 9'
}

# What every build needs.
need_build_tools() {
    need build-essential have cc
    need meson have meson
    need ninja-build have ninja
    need pkg-config have pkg-config
    need libssl-dev pkg-config --exists 'openssl >= 3.0'
    # Without apt-get Meson downloads llhttp instead.
    if have apt-get >/dev/null; then
        need node-llhttp have_llhttp
    fi
}
