# Part of `configure`: finds HDF5 and checks that it works.
# Sets hdf5_cppflags, hdf5_libs and hdf5_version.
# shellcheck shell=sh disable=SC2154 # variables come from configure

cat >"$work/hdf5.cpp" <<'END'
#include <hdf5.h>
#include <cstdio>
int main() {
  unsigned major = 0, minor = 0, release = 0;
  if (H5open() < 0 || H5get_libversion(&major, &minor, &release) < 0) return 1;
  std::printf("version=%u.%u.%u\n", major, minor, release);
  return 0;
}
END

# prove_hdf5 NAME CPPFLAGS LIBS
prove_hdf5() {
  if try "$compile $2 -c hdf5.cpp -o hdf5.o" &&
    try "$compile hdf5.o $ldflags $3 -o hdf5" && try "./hdf5"; then
    # shellcheck disable=SC2034 # read by write.sh
    hdf5_cppflags=$2 hdf5_libs=$3
    hdf5_version=$(value version)
    say "HDF5 $hdf5_version ($1)"
    return 0
  fi
  tried "$1: a small program does not compile, link or run with $2 $3"
  return 1
}

# library_flags FOLDER: prints the flags to link its libraries and to find them
# at run time.
library_flags() {
  if ! is_system_folder "$1"; then printf "%s" "-L'$1' $rpath,'$1'"; fi
}

prove_hdf5_folder() {
  for lib in "$1/lib" "$1/lib64" "$1/lib/$multiarch"; do
    [ -e "$lib/libhdf5.$shared" ] || continue
    prove_hdf5 "$1" "-I'$1/include'" "$(library_flags "$lib") -lhdf5" &&
      return 0
  done
  tried "$1: no include/hdf5.h with lib/libhdf5.$shared that works"
  return 1
}

find_hdf5() {
  if [ -n "$hdf5_home" ]; then
    prove_hdf5_folder "$hdf5_home"
    return
  fi
  for module in hdf5 hdf5-serial; do
    if pkg-config --exists "$module" 2>/dev/null; then
      cflags=$(pkg-config --cflags "$module")
      libs=$(pkg-config --libs "$module")
      lib=$(pkg-config --variable=libdir "$module")
      prove_hdf5 "pkg-config $module" "$cflags" "$libs" && return 0
      prove_hdf5 "pkg-config $module, with its folder" "$cflags" \
        "$(library_flags "$lib") $libs" && return 0
    else
      tried "pkg-config $module: not known to pkg-config"
    fi
  done
  if command -v h5cc >/dev/null; then
    # h5cc prints its compiler first; only its include and library flags are
    # used.
    shown=$(h5cc -show -shlib 2>/dev/null | tr ' ' '\n')
    cflags=$(printf '%s\n' "$shown" | grep '^-I' | tr '\n' ' ')
    libs=$(printf '%s\n' "$shown" | grep -E '^-(L|Wl,|l)' | tr '\n' ' ')
    prove_hdf5 "h5cc" "$cflags" "$libs -lhdf5" && return 0
  else
    tried "h5cc: not on the PATH"
  fi
  serial=/usr/lib/$multiarch/hdf5/serial
  prove_hdf5 "the system, Debian's serial HDF5" "-I/usr/include/hdf5/serial" \
    "$(library_flags "$serial") -lhdf5" && return 0
  prove_hdf5 "the system" "" "-lhdf5" && return 0
  for folder in /usr/local /opt/homebrew /opt/local \
    ${CONDA_PREFIX:+"$CONDA_PREFIX"}; do
    prove_hdf5_folder "$folder" && return 0
  done
  return 1
}

: >"$work/tried"
if ! find_hdf5; then
  say "HDF5 was not found. Tried, in this order:"
  cat "$work/tried"
  if [ -s "$work/failure" ]; then
    say "the last failing command:"
    cat "$work/failure"
  fi
  cat <<'END'
configure: install HDF5 with its headers, or name its folder with
  R CMD INSTALL --configure-args="--with-hdf5=DIR" (or HDF5_HOME=DIR).
    Debian, Ubuntu:  apt install libhdf5-dev
    Fedora:          dnf install hdf5-devel
    macOS:           brew install hdf5
    conda:           conda install -c conda-forge hdf5
END
  exit 1
fi

