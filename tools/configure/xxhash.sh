# Part of `configure`: finds the header of xxHash and checks that it works. Sets
# xxhash_cppflags. Only the header is used: nothing is linked.
# shellcheck shell=sh disable=SC2154 # variables come from configure

cat >"$work/xxhash.cpp" <<'END'
#define XXH_INLINE_ALL
#include <xxhash.h>
int main() { return XXH64("", 0, 0) == 0xEF46DB3751D8E999ULL ? 0 : 1; }
END

# prove_xxhash NAME CPPFLAGS
prove_xxhash() {
  if try "$compile $2 xxhash.cpp $ldflags -o xxhash" && try "./xxhash"; then
    # shellcheck disable=SC2034 # read by write.sh
    xxhash_cppflags=$2
    say "xxHash ($1)"
    return 0
  fi
  tried "$1: a small program does not compile or run with $2"
  return 1
}

find_xxhash() {
  if [ -n "$xxhash_home" ]; then
    prove_xxhash "$xxhash_home" "-I'$xxhash_home/include'"
    return
  fi
  prove_xxhash "the system" "" && return 0
  for folder in /usr/local /opt/homebrew /opt/local \
    ${CONDA_PREFIX:+"$CONDA_PREFIX"}; do
    [ -e "$folder/include/xxhash.h" ] || continue
    prove_xxhash "$folder" "-I'$folder/include'" && return 0
  done
  return 1
}

: >"$work/tried"
if ! find_xxhash; then
  say "the header xxhash.h was not found. Tried, in this order:"
  cat "$work/tried"
  say "the last failing command:"
  cat "$work/failure"
  cat <<'END'
configure: install xxHash with its header, or name its folder with
  R CMD INSTALL --configure-args="--with-xxhash=DIR" (or XXHASH_HOME=DIR).
    Debian, Ubuntu:  apt install libxxhash-dev
    Fedora:          dnf install xxhash-devel
    macOS:           brew install xxhash
    conda:           conda install -c conda-forge xxhash
END
  exit 1
fi
