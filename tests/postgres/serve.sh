# Runs a PostgreSQL of its own, says in which directory its socket is, and ends it with the standard input: so it
# does not outlive who started it, however that ends.
set -eu

# Debian keeps the programs of each version in a directory that is not in PATH.
newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
PATH="$PATH:$newest"
for program in initdb postgres pg_isready; do
  command -v "$program" >/dev/null || {
    echo "no PostgreSQL: install it with \`apt-get install postgresql\`" >&2
    exit 1
  }
done

directory=$(mktemp -d)
server=
end() {
  # Nothing is kept, so it need not be orderly.
  [ -z "$server" ] || kill -QUIT "$server" 2>/dev/null || true
  wait
  rm -rf "$directory"
}
trap end EXIT
fail() {
  cat "$directory/log" >&2
  exit 1
}

initdb --pgdata "$directory/data" --username throttle --auth trust --encoding UTF8 --locale C --no-sync \
  >"$directory/log" 2>&1 || fail
postgres -D "$directory/data" -c port=5432 -c listen_addresses= -c unix_socket_directories="$directory" \
  -c max_connections=300 -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
  >"$directory/log" 2>&1 </dev/null &
server=$!
until pg_isready --quiet --host "$directory" --port 5432; do
  kill -0 "$server" || fail
  sleep 0.05
done
echo "$directory"
cat >/dev/null
