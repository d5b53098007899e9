# The private PostgreSQL tree and clusters in it; sourced after lib.sh (and move_if_needed), never run.
#   as_user COMMAND...       runs a command as the server's user, with the tree's programs first on PATH
#   make_tree                copies PostgreSQL to the tree if need be, builds vecx and installs it there
#   start_cluster DIR SOCK [SETTING...]   initdb (if need be) and start; unix socket only
#   stop_cluster DIR         stops it at once; its data are for throwing away
have headers && have server || die "no PostgreSQL server and headers found by $PG_CONFIG: make quickstart installs them"
root=${VECX_TREE:-$top/build/pg-$(pg_major)${VECX_CRASH:+-crash}} # with VECX_CRASH: vecx has crash points
bindir=$root$(pg_dir bindir)
pgxs=$(dirname "$(pg_dir pgxs)")
user=$(server_user)

as_user() {
    local env=(env "PATH=$bindir:/usr/local/bin:/usr/bin:/bin" "LC_ALL=C.UTF-8" "HOME=$root" "PGHOST=${sock:-$root/run}"
        "PGPORT=5432" "PGUSER=postgres")
    if is_root; then
        runuser -u "$user" -- "${env[@]}" "$@"
    else
        "${env[@]}" "$@"
    fi
}

own() { if is_root; then chown -R "$user" "$@"; fi; }
writable() { # directories that the server's user may write to
    mkdir -p "$@"
    own "$@"
}

make_tree() {
    local dir source
    source=$(pg_dir bindir)/postgres
    source=$(stat -Lc '%n %s %Y' "$source") # a new copy after an update of the packages
    if [ ! -x "$bindir/postgres" ] || [ "$(cat "$root/copied-from" 2>/dev/null)" != "$source" ]; then
        for dir in bindir pkglibdir sharedir; do
            dir=$(pg_dir $dir)
            rm -rf "${root:?}$dir"
            mkdir -p "$root$dir"
            if [ "$dir" = "$(pg_dir bindir)" ]; then # some systems have it together with everything else
                (cd "$dir" && cp -a postgres initdb psql pg_* createdb dropdb createuser dropuser vacuumdb reindexdb clusterdb pgbench "$root$dir/")
            else
                cp -a "$dir/." "$root$dir/"
            fi
        done
        echo "$source" >"$root/copied-from"
    fi
    make -s PG_CONFIG="$PG_CONFIG" >&2
    make -s PG_CONFIG="$PG_CONFIG" DESTDIR="$root" install >&2
    if [ -n "${VECX_CRASH:-}" ]; then
        make -s PG_CONFIG="$PG_CONFIG" CRASH_POINTS=1 >&2
        rm -f "$root$(pg_dir pkglibdir)/vecx.so"
        cp "build/crash-$(pg_major)/vecx.so" "$root$(pg_dir pkglibdir)/"
    fi
    writable "$root/run" "$top/build/regress"
}

start_cluster() {
    local dir=$1 socket=$2
    shift 2
    mkdir -p -m 700 "$socket"
    if is_root; then chown -h "$user" "$socket"; fi
    if [ -L "$socket" ] || [ "$(stat -c %U "$socket")" != "$user" ]; then die "$socket belongs to somebody else"; fi
    chmod 700 "$socket" # local connections are trusted, so only this user (and root) may make them
    if [ ! -f "$dir/data/PG_VERSION" ]; then
        mkdir -p -m 700 "$dir"
        own "$dir"
        as_user initdb -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null
        printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$socket'" "fsync = off" "jit = off" "$@" |
            as_user tee -a "$dir/data/postgresql.conf" >/dev/null
    fi
    if ! as_user pg_ctl -D "$dir/data" -l "$dir/log" -w start >/dev/null; then
        as_user tail -n 20 "$dir/log" >&2
        die "the private server in $dir did not start"
    fi
}

stop_cluster() {
    if [ -f "$1/data/postmaster.pid" ]; then as_user pg_ctl -D "$1/data" -m immediate -w stop >/dev/null 2>&1 || true; fi
}
