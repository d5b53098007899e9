#!/usr/bin/env bash
# upgrade.sh OLD_BINDIR NEW_BINDIR LIBRARIES TOP: makes a cluster with the old programs (which may need LIBRARIES),
# upgrades it with pg_upgrade, and compares the answers before and after. Prints TAP. Run by scripts/stage/upgrade.
set -euo pipefail
old=$1
new=$2
export LD_LIBRARY_PATH=$3
top=$4
work=$top/build/upgrade
rm -rf "$work"
mkdir -p "$work"
cd "$work"
export PGHOST=$work PGPORT=5432 PGUSER=postgres PGDATABASE=original

test_step() { # test_step NAME COMMAND...
    local name=$1
    shift
    if "$@" >>log 2>&1; then
        echo "ok - $name"
    else
        tail -n 30 log $(find new/pg_upgrade_output.d -name '*.log' -size +0 2>/dev/null) | sed 's/^/# /'
        echo "not ok - $name"
        exit 1
    fi
}
start() { "$1/pg_ctl" -D "$2" -l "$2.log" -w -o "-c listen_addresses='' -c unix_socket_directories='$work' -c fsync=off -c autovacuum=off -c jit=off" start; }
stop() { "$1/pg_ctl" -D "$2" -m fast -w stop; }
trap 'stop "$old" old >/dev/null 2>&1 || true; stop "$new" new >/dev/null 2>&1 || true' EXIT

for side in old new; do
    bindir=${!side}
    checksums=
    if [[ $("$bindir/initdb" --help) == *--no-data-checksums* ]]; then checksums=--no-data-checksums; fi
    test_step "initdb ($side: $("$bindir/postgres" --version))" \
        "$bindir/initdb" -D $side -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync $checksums
done
test_step "the old server starts" start "$old" old
test_step "a database with every type and operator class" bash -c "'$old/createdb' original && '$old/psql' -X -q -f '$top/test/dump/setup.sql'"
test_step "answers of the old server" bash -c "'$old/psql' -X -q -f '$top/test/dump/answers.sql' >before"
test_step "the old server stops" stop "$old" old
test_step "pg_upgrade" "$new/pg_upgrade" -b "$old" -B "$new" -d old -D new -U postgres --socketdir "$work"
test_step "the new server starts" start "$new" new
test_step "answers of the new server" bash -c "'$new/psql' -X -q -f '$top/test/dump/answers.sql' >after"
test_step "the answers are the same, through the same indexes" diff before after
test_step "22 searches go through their indexes" test "$(grep -c 'Index Scan using' after)" = 22
test_step "rows come and go in it" "$new/psql" -X -q -c "INSERT INTO points SELECT i, numbers(i)::vector FROM generate_series(1001, 1100) AS i; DELETE FROM points WHERE id % 3 = 0"
test_step "the upgraded indexes take inserts and VACUUM" "$new/psql" -X -q -c "VACUUM points"
test_step "REINDEX gives the same answers as the upgraded indexes" bash -ec "
    '$new/psql' -X -q -f '$top/test/dump/answers.sql' >carried
    '$new/psql' -X -q -c 'REINDEX TABLE points'
    '$new/psql' -X -q -f '$top/test/dump/answers.sql' >rebuilt
    diff carried rebuilt"
