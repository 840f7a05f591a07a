# Makes the cluster every database sandbox starts from: role app owning database app, a superuser for graders, who must
# get in whatever role app does, and small write-ahead segments.
seed=/usr/local/lib/harness/seed
bin=/usr/lib/postgresql/15/bin
install -d -o sandbox -g sandbox -m 0700 "$seed"
sandboxed() { setpriv --reuid=65532 --regid=65532 --clear-groups env HOME=/tmp LANG=C.UTF-8 "$@"; }
sandboxed $bin/initdb --pgdata="$seed" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --wal-segsize=1 \
  --auth=trust --no-instructions >/dev/null
# fsync off: a killed process loses nothing the kernel has, and /box is memory anyway. Every commit is still
# written out before it is answered, which is what a kill can tell.
cat >>"$seed/postgresql.conf" <<'CONF'
listen_addresses = '*'
unix_socket_directories = '/box'
dynamic_shared_memory_type = mmap
shared_buffers = 64MB
max_connections = 100
superuser_reserved_connections = 6
max_wal_size = 48MB
min_wal_size = 8MB
fsync = off
autovacuum_naptime = 10s
jit = off
max_parallel_workers_per_gather = 0
log_connections = off
log_line_prefix = '%m [%p] '
CONF
single() { printf '%s\n' "$2" | sandboxed $bin/postgres --single -j -D "$seed" "$1" >/dev/null; }
single postgres 'CREATE ROLE app LOGIN'
single postgres 'CREATE ROLE grader LOGIN SUPERUSER'
single postgres 'CREATE DATABASE app OWNER app'
single app 'ALTER SCHEMA public OWNER TO app'
# What role app makes in its schema is never what a superuser of ours calls by a bare name.
single postgres 'ALTER ROLE grader SET search_path = pg_catalog'
# Every sandbox has a user of its own, so each copies it under a user that is not this one.
chmod -R a+rX "$seed"
