# Sourced by the set-up scripts: what they say, ask, install and watch. Logs are in .setup, which `make clean` removes.

say() { printf '%s\n' "$*" >&2; }

# fail LINE...: a person must act; 4 is the exit code of wrong usage.
fail() {
  printf '%s\n' "$@" >&2
  exit 4
}

debian_as_root() {
  [ "$(id -u)" = 0 ] && [ -r /etc/os-release ] && (
    . /etc/os-release
    case "$ID" in debian | ubuntu) true ;; *) false ;; esac
  )
}

# agree: ask, where somebody can be asked and has not said yes already.
agree() {
  if [ "${YES:-}" = 1 ] || [ ! -t 0 ]; then return 0; fi
  printf 'Go on? [y/N] ' >&2
  read -r answer || answer=
  case "$answer" in y | Y | yes | Yes) ;; *) fail "Nothing was installed: the answer was not yes." ;; esac
}

# watched TITLE COMMAND...: run it with its output in a log, say how long it has taken, show the end when it fails.
watched() {
  title=$1
  shift
  mkdir -p .setup
  "$@" </dev/null >.setup/last.log 2>&1 &
  watched_pid=$!
  trap 'kill "$watched_pid" 2>/dev/null; exit 130' INT
  trap 'kill "$watched_pid" 2>/dev/null; exit 143' TERM
  say "$title"
  seconds=0
  while kill -0 "$watched_pid" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    if [ $((seconds % 8)) = 0 ]; then say "$title: $seconds s so far"; fi
  done
  status=0
  wait "$watched_pid" || status=$?
  trap - INT TERM
  if [ "$status" != 0 ]; then
    say "$title failed. The end of its output (.setup/last.log):"
    tail -n 15 .setup/last.log | sed 's/^/    /' >&2
    say "What to do: read the lines above; behind a company proxy see docs/how-to/set-up.md."
    exit 5
  fi
}

# packages NAME...: install Debian packages. A list that is partly out of reach is no reason to stop before trying.
packages() {
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a
  watched "refreshing the package lists" sh -c 'apt-get -q -o DPkg::Lock::Timeout=300 update || true'
  watched "installing $*" apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}
