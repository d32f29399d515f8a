# Runs a PostgreSQL server, prints the directory of its socket, and ends the server when the standard input
# ends. So the server does not outlive the process that started it, however that process ends.
set -eu

# Debian installs the programs of each version in a directory that is not in PATH.
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
  # The data is not kept, so the shutdown need not be orderly.
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
