#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# sh tests/bench/run.sh [OPTIONS] [NAME...]: installs what is missing and measures us beside our
# peers, in the scenarios named, or in all. --help names the options, --list the scenarios.
set -eu
CDPATH='' cd -- "$(dirname -- "$0")/../.."
. tests/support/packages.sh

have_server() {
    have "$1" || [ -x "/usr/sbin/$1" ]
}

# The packages of servers would start them.
install_without_starting() {
    policy=/usr/sbin/policy-rc.d
    if [ -z "$missing" ] || [ -e "$policy" ] || ! have apt-get >/dev/null; then
        install_missing
        return
    fi
    as_root sh -c "printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy"
    status=0
    install_missing || status=$?
    as_root rm -f "$policy"
    return "$status"
}

need_build_tools
need python3 have python3
case " $* " in
*' --help '* | *' -h '* | *' --list '*) ;;
*)
    need libuv1-dev pkg-config --exists libuv
    need libev-dev test -f /usr/include/ev.h
    need libevent-dev pkg-config --exists libevent_core
    need liburing-dev pkg-config --exists liburing
    need nginx-light have_server nginx
    need libnginx-mod-http-echo test -f /usr/lib/nginx/modules/ngx_http_echo_module.so
    need h2o have_server h2o
    need haproxy have_server haproxy
    need lighttpd have_server lighttpd
    need wrk have wrk
    need gnuplot-nox have gnuplot
    need valgrind have valgrind
    need strace have strace
    need linux-perf have perf
    ;;
esac
install_without_starting

exec python3 -B tests/bench/driver "$@"
