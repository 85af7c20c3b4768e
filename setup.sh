# What `evalharness` and `check` share; both read it with `.`. Expects $root, the folder that this file is
# in, and $me, the name that messages begin with. POSIX sh.
# shellcheck shell=sh disable=SC2154  # they are given

# All that building, testing and fetching need. The names are the same in Debian and in Ubuntu.
packages='
g++ meson ninja-build pkg-config git ca-certificates
libdnnl-dev libopenblas-dev liblapacke-dev libyaml-cpp-dev nlohmann-json3-dev libpcre2-dev
libutf8proc-dev libsentencepiece-dev libzip-dev zlib1g-dev libcurl4-openssl-dev libssl-dev
libcli11-dev catch2 libbenchmark-dev python3-pip'

say() { printf '%s: %s\n' "$me" "$*" >&2; }

die() {
  say "$@"
  exit 2
}

# The packages that are not installed, one a line. Elsewhere than on Debian and its kin: none, and the
# build says what it misses.
missing_packages() {
  command -v dpkg-query >/dev/null || return 0
  # shellcheck disable=SC2086  # a list of words
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $packages 2>/dev/null || true)
  for package in $packages; do
    printf '%s\n' "$installed" | grep -qx "$package installed" || echo "$package"
  done
}

# What may run apt-get here: nothing for root, sudo, or false.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    echo env
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    echo sudo
  else
    echo false
  fi
}

install_packages() {
  missing=$(missing_packages | tr '\n' ' ')
  missing=${missing% }
  [ -n "$missing" ] || return 0
  with=$(as_root)
  log=$root/build-packages.log
  if [ "$with" != false ]; then
    say "installing packages: $missing"
    # shellcheck disable=SC2086
    $with apt-get update -q >"$log" 2>&1 &&
      $with env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends $missing >>"$log" 2>&1 && return 0
    tail -n 5 "$log" >&2
  fi
  die "packages are missing and cannot be installed from here; as root: apt-get install $missing"
}

# run_quietly LOG COMMAND...: the end of the log is shown only when the command fails.
run_quietly() {
  log=$1
  shift
  "$@" >"$log" 2>&1 && return 0
  tail -n 40 "$log" >&2
  return 1
}

# configure FOLDER [OPTION...]: once; anew where the folder was made for another place of this tree or with other
# options, or its making was cut short.
configure() {
  folder=$1
  shift
  [ ! -e "$folder/build.ninja" ] || ! is_made_for "$folder" "$root $*" || return 0
  rm -rf "$folder"
  run_quietly "$folder.log" meson setup "$@" "$folder" "$root" || die "cannot configure $folder"
  printf '%s\n' "$root $*" >"$folder/made-for"
}

is_made_for() {
  [ -e "$1/made-for" ] && IFS= read -r made_for <"$1/made-for" && [ "$made_for" = "$2" ]
}

# build FOLDER [TARGET...]: ninja renews one line on a terminal; its hundreds of lines elsewhere go to a
# log.
build() {
  if [ -t 2 ]; then
    ninja -C "$@" >&2 || die "cannot build $1"
  else
    run_quietly "$1.log" ninja -C "$@" || die "cannot build $1"
  fi
}
