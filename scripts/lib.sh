# Shared by the scripts here; sourced, never run. Needs bash and what every Debian has (no procps, no sudo, no Python).
#   need WHY KEY...     installs what is missing of the things named by KEY, or says what to install
#   move_if_needed ARGS works in a copy when the server's user cannot reach this checkout
# tree.sh has what runs servers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
top=$PWD

# The scripts may be called by make, whose job server and flags are not for the makes they call.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin
PG_CONFIG=${PG_CONFIG:-pg_config}

say() { printf '%s\n' "$*"; }
die() {
    printf 'vecx: %s\n' "$*" >&2
    exit 1
}
is_root() { [ "$(id -u)" = 0 ]; }
checksum() { printf '%s' "$1" | cksum | cut -d' ' -f1; }

# ---- what must be installed ------------------------------------------------------------------------------

pg_dir() { "$PG_CONFIG" "--$1" 2>/dev/null; }
pg_major() { "$PG_CONFIG" --version 2>/dev/null | sed -E 's/^PostgreSQL ([0-9]+).*/\1/'; }
compiles() { # compiles COMPILER HEADER
    echo "#include <$2>" | "$1" -std=c++20 -x c++ -M - >/dev/null 2>&1
}

have() { # have KEY: is it there, from wherever it came?
    case $1 in
    compiler) compiles g++ bit ;;
    make) command -v make >/dev/null ;;
    xsimd) compiles g++ xsimd/xsimd.hpp ;;
    server) [ -x "$(pg_dir bindir)/postgres" ] && [ -x "$(pg_dir bindir)/initdb" ] ;;
    headers) [ -f "$(pg_dir includedir-server)/postgres.h" ] && [ -f "$(pg_dir pgxs)" ] ;;
    gtest) compiles g++ gtest/gtest.h && compiles g++ gmock/gmock.h ;;
    clang) compiles clang++ bit ;;
    fuzzer) [ -n "$(find "$(clang++ -print-resource-dir 2>/dev/null)/lib" -name 'libclang_rt.fuzzer*' 2>/dev/null)" ] ;;
    prove) command -v prove >/dev/null ;;
    ipcrun) perl -MIPC::Run -e 1 2>/dev/null ;;
    libpq) [ -f "$(pg_dir includedir)/libpq-fe.h" ] ;;
    node) command -v node >/dev/null ;;
    npm) command -v npm >/dev/null ;;
    binutils) command -v objdump >/dev/null && command -v nm >/dev/null ;;
    debootstrap) command -v debootstrap >/dev/null ;;
    *) die "have: unknown key $1" ;;
    esac
}

reason() {
    case $1 in
    compiler) echo "a C++20 compiler" ;;
    make) echo "make" ;;
    xsimd) echo "SIMD headers, used at compile time" ;;
    server) echo "the PostgreSQL server, of which a private copy runs under build/" ;;
    headers) echo "PostgreSQL's headers for extensions" ;;
    gtest) echo "GoogleTest, for the unit tests" ;;
    clang) echo "the second compiler, for its warnings and for fuzzing" ;;
    fuzzer) echo "clang's libFuzzer and sanitizers" ;;
    prove | ipcrun) echo "for PostgreSQL's own kind of tests in Perl" ;;
    libpq) echo "PostgreSQL's client library, for the client test" ;;
    node | npm) echo "for the test with node's pg and pgvector packages" ;;
    binutils) echo "objdump and nm, for the checks on the built module" ;;
    debootstrap) echo "makes the root file system with another PostgreSQL" ;;
    esac
}

debian_name() {
    case $1 in
    compiler) echo g++ ;;
    make) echo make ;;
    xsimd) echo libxsimd-dev ;;
    server) echo "postgresql-$debian_major" ;;
    headers) echo "postgresql-server-dev-$debian_major" ;;
    gtest) echo libgtest-dev libgmock-dev ;;
    clang) echo clang ;;
    fuzzer) # the runtime of the clang that is there; the package without a number exists from Debian 13 on
        if apt-cache show "libclang-rt-$(clang_major)-dev" >/dev/null 2>&1; then
            echo "libclang-rt-$(clang_major)-dev"
        else
            echo "libclang-common-$(clang_major)-dev"
        fi
        ;;
    prove) echo perl ;;
    ipcrun) echo libipc-run-perl ;;
    libpq) echo libpq-dev ;;
    node) echo nodejs ;;
    npm) echo npm ;;
    binutils) echo binutils ;;
    debootstrap) echo debootstrap ;;
    esac
}

# The clang that is installed, else the one the package clang would bring.
clang_major() {
    local major
    major=$(clang++ -dumpversion 2>/dev/null | cut -d. -f1) || true
    [ -n "$major" ] || major=$(apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
    echo "${major:-14}"
}

other_names() { # other_names SYSTEM KEY: best effort, for a message only
    case $1:$2 in
    *:make | *:clang | *:binutils | *:debootstrap) echo "$2" ;;
    fedora:compiler) echo gcc-c++ ;; fedora:xsimd) echo xsimd-devel ;; fedora:server) echo postgresql-server ;;
    fedora:headers) echo postgresql-server-devel ;; fedora:gtest) echo gtest-devel gmock-devel ;;
    fedora:fuzzer) echo compiler-rt ;; fedora:prove) echo perl-Test-Harness ;; fedora:ipcrun) echo perl-IPC-Run ;;
    fedora:libpq) echo libpq-devel ;; fedora:node) echo nodejs ;; fedora:npm) echo nodejs-npm ;;
    arch:compiler) echo gcc ;; arch:xsimd) echo xsimd ;; arch:server | arch:headers) echo postgresql ;;
    arch:gtest) echo gtest ;; arch:fuzzer) echo compiler-rt ;; arch:prove) echo perl ;; arch:ipcrun) echo perl-ipc-run ;;
    arch:libpq) echo postgresql-libs ;; arch:node) echo nodejs ;; arch:npm) echo npm ;;
    mac:compiler) echo gcc ;; mac:xsimd) echo xsimd ;; mac:server | mac:headers | mac:libpq) echo postgresql@17 ;;
    mac:gtest) echo googletest ;; mac:fuzzer) echo llvm ;; mac:prove) echo perl ;; mac:ipcrun) echo cpanminus ;;
    mac:node | mac:npm) echo node ;;
    esac
}

as_root() {
    if is_root; then
        "$@"
    else
        sudo "$@"
    fi
}
may_be_root() { is_root || { command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; }

apt_install() { # apt_install PACKAGE...
    local log
    log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null >"$log" 2>&1; then
        # The lists may be older than what the mirror still has.
        as_root apt-get update </dev/null >>"$log" 2>&1 || true
        if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1; then
            tail -n 20 "$log" >&2
            rm -f "$log"
            return 1
        fi
    fi
    rm -f "$log"
}

need() { # need WHY KEY...
    local why=$1 key missing=() packages=() package
    shift
    for key in "$@"; do have "$key" || missing+=("$key"); done
    [ ${#missing[@]} -gt 0 ] || return 0

    if ! command -v apt-get >/dev/null; then
        say "vecx: for $why, something is needed that is not installed here:"
        local system=fedora
        if command -v pacman >/dev/null; then system=arch; elif command -v brew >/dev/null; then system=mac; fi
        for key in "${missing[@]}"; do say "  $(other_names $system "$key")   ($(reason "$key"))"; done
        say "Install these (the names may differ a little on your system) and call this again."
        return 1
    fi

    if may_be_root && ! apt-cache show libxsimd-dev >/dev/null 2>&1; then
        say "apt-get update: the package lists are missing"
        as_root apt-get update </dev/null >/dev/null 2>&1 || true
    fi
    debian_major=$(pg_major)
    [ -n "$debian_major" ] || debian_major=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
    [ -n "$debian_major" ] || debian_major=15
    for key in "${missing[@]}"; do for package in $(debian_name "$key"); do packages+=("$package"); done; done

    if ! may_be_root; then
        say "vecx: for $why, Debian packages are needed, and there is neither root nor sudo to install them:"
        for key in "${missing[@]}"; do say "  $(debian_name "$key")   ($(reason "$key"))"; done
        say "Ask an administrator for:"
        say "  apt-get install --no-install-recommends ${packages[*]}"
        return 1
    fi
    say "Installing Debian packages for $why (apt-get, $(is_root && echo "as root" || echo "with sudo")); this can take some minutes:"
    for key in "${missing[@]}"; do say "  $(debian_name "$key")   ($(reason "$key"))"; done

    # Debian's server package would create and start a cluster on port 5432; vecx does not use it, so ask it not to.
    local drop_in=
    if [[ " ${missing[*]} " == *" server "* ]]; then
        drop_in=/etc/postgresql-common/createcluster.d/vecx-quickstart.conf
        as_root mkdir -p "${drop_in%/*}"
        echo 'create_main_cluster = false' | as_root tee "$drop_in" >/dev/null
    fi
    local rc=0
    apt_install "${packages[@]}" || rc=$?
    [ -z "$drop_in" ] || as_root rm -f "$drop_in"
    [ $rc = 0 ] || { say "vecx: apt-get could not install ${packages[*]}"; return 1; }
    for key in "${missing[@]}"; do
        have "$key" || { say "vecx: ${packages[*]} are installed, but $key is still not usable"; return 1; }
    done
}

# ---- the server's user -----------------------------------------------------------------------------------

server_user() { # an unprivileged user to run servers and tests as
    if ! is_root; then
        id -un
    elif [ -n "${VECX_USER:-}" ]; then
        echo "$VECX_USER"
    elif id -u postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

# The directory for a server's socket: DIR itself, unless its path is too long for a socket's name
# (107 bytes with "/.s.PGSQL.5432"); then a private one in /tmp, which start_cluster makes.
socket_dir() { # socket_dir DIR
    if [ "$(printf '%s' "$1" | wc -c)" -le 90 ]; then
        echo "$1"
    else
        echo "/tmp/vecx-$(checksum "$1")-$(server_user)"
    fi
}

copy_sources() { # copy_sources DIR: what is in DIR already goes, except what was built there
    find "$1" -mindepth 1 -maxdepth 1 ! -name build ! -name vecx.so -exec rm -rf {} +
    tar --exclude=./.git --exclude=./build --exclude=node_modules --exclude=./vecx.so -cf - . | tar -C "$1" --no-same-owner -xf -
}

# When the server's user cannot reach this checkout (say /root is closed to it), or its path has characters that
# PostgreSQL's test programs do not quote, the same script goes on in a copy under /var/tmp. Uses nothing of git.
move_if_needed() { # move_if_needed ARGS...: the script's own arguments; with keep_copy=1 a copy stays as it is
    local copy user script=${BASH_SOURCE[1]##*/} why=
    user=$(server_user)
    if is_root && ! runuser -u "$user" -- test -r "$top/Makefile" 2>/dev/null; then
        why="user $user cannot read $top"
    elif [[ $top == *[!A-Za-z0-9_./+~@-]* ]]; then
        why="$top has characters that PostgreSQL's tools do not quote"
    fi
    [ -n "$why" ] || return 0
    copy=/var/tmp/vecx-$(checksum "$top")-$(id -un)
    mkdir -p -m 755 "$copy"
    if [ -L "$copy" ] || [ ! -O "$copy" ]; then die "$copy belongs to somebody else"; fi
    if [ -z "${keep_copy:-}" ] || [ ! -x "$copy/scripts/$script" ]; then
        copy_sources "$copy"
        say "vecx: $why; working in the copy $copy" >&2
    fi
    VECX_MOVED_FROM=$top exec "$copy/scripts/$script" "$@"
}

# ---- what stages report (TAP) ----------------------------------------------------------------------------

ok() { say "ok - $*"; }
not_ok() { say "not ok - $*"; }
skip() { say "ok - $1 # SKIP $2"; }
try() { # try NAME COMMAND...: one test, passed when the command succeeds
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name"; fi
}
none() { # none NAME TEXT: one test, passed when the text is empty
    if [ -n "$2" ]; then
        printf '%s\n' "$2" | head -n 20
        not_ok "$1"
    else
        ok "$1"
    fi
}
