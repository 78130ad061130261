#!/bin/sh
# Makes the secrets of compose.yaml beside this file, each for the user in its container alone: run it
# as root, once. What is there already stays.
set -eu
cd "$(dirname -- "$0")"
umask 077
mkdir -p secrets

# FILE OWNER: a secret of 48 hexadecimal digits.
made() {
    [ -e "secrets/$1" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$1"
    chown "$2" "secrets/$1"
}

made turn.secret 10001 # rtcguard, by the Dockerfile
made postgres.password 999
made grafana.password 472
if [ ! -e secrets/pgpass ]; then
    printf 'postgres:5432:rtcguard:rtcguard:%s\n' "$(cat secrets/postgres.password)" >secrets/pgpass
fi
chown 10001 secrets/pgpass
