# Part of `configure`: writes what was found to the build files.
# shellcheck shell=sh disable=SC2154,SC2016
# (SC2154: variables come from configure; SC2016: dollars are for make.)

# Only gcc and clang understand the precompiled header as it is used here.
pch_file='' pch_flags='' pch_note=off
if [ "$use_pch" = yes ] &&
  printf '#ifdef __GNUC__\nyes\n#endif\n' >"$work/gnu.cpp" &&
  try "$compiler -E gnu.cpp" && grep -q '^yes' "$work/out"; then
  pch_file=core/support/torch_pch.h.gch
  pch_flags="-include core/support/torch_pch.h"
  pch_note=on
fi

tuning_flags=
for flag in -fno-math-errno $([ "$debug" = yes ] || echo -g0); do
  try "$compiler $std_flag $flag -c empty.cpp -o empty.o" &&
    tuning_flags="$tuning_flags $flag"
done

# keep FILE: copies $work/filled to FILE. An unchanged file keeps its time, so
# that nothing is rebuilt because of it.
keep() { cmp -s "$work/filled" "$1" || cp "$work/filled" "$1" || exit 1; }

# fill TEMPLATE FILE: writes TEMPLATE to FILE, replacing the @names@.
fill() {
  sed -e "s|@cxx_std@|$cxx_std|g" \
    -e "s|@abi@|$abi|g" \
    -e "s|@hdf5_cppflags@|$hdf5_cppflags|g" \
    -e "s|@hdf5_libs@|$hdf5_libs|g" \
    -e "s|@hdf5_version@|$hdf5_version|g" \
    -e "s|@xxhash_cppflags@|$xxhash_cppflags|g" \
    -e "s|@libtorch_cppflags@|$torch_cppflags|g" \
    -e "s|@libtorch_libs@|$torch_libs|g" \
    -e "s|@libtorch_dir@|$libtorch_dir|g" \
    -e "s|@libtorch_version@|$libtorch_version|g" \
    -e "s|@libtorch_source@|$libtorch_source|g" \
    -e "s|@libtorch_device@|$libtorch_device|g" \
    -e "s|@blas_note@|$blas_note|g" \
    -e "s|@has_c10d@|$has_c10d|g" \
    -e "s|@has_nccl@|$has_nccl|g" \
    -e "s|@pch_note@|$pch_note|g" \
    -e "s|@pch_file@|$pch_file|g" \
    -e "s|@pch_flags@|$pch_flags|g" \
    -e "s|@tuning_flags@|$tuning_flags|g" \
    -e "s|@ccache@|$ccache|g" \
    -e "s|@headers@|$(one_line headers)|g" \
    -e "s|@objects@|$(one_line objects)|g" \
    -e "s|@torch_units@|$(one_line torch_units)|g" \
    -e "s|@plain_units@|$(one_line plain_units)|g" \
    -e "/@rules@/r $work/rules" -e "/@rules@/d" \
    -e "s|@generated@|Written by configure: do not edit.|g" "$1" \
    >"$work/filled" || exit 1
  keep "$2"
}

one_line() { tr '\n' ' ' <"$work/$1" | sed 's/ $//'; }

# A source needs LibTorch if it belongs to a folder that computes with tensors,
# or includes LibTorch or a header that does. All others are compiled without
# LibTorch's heavy headers.
needs_torch() {
  case $1 in core/models/* | core/training/*) return 0 ;; esac
  grep -Eq '^#include.*(models/|training/|batch_|torch|ATen/|c10/)' "$1"
}

# unit_of SOURCE: prints the compilation unit of a source. Most of the compile
# time goes into headers, so one unit includes all sources of a folder that need
# LibTorch, and another those that do not. A source that sets compiler options
# for itself is a unit of its own.
unit_of() {
  if grep -q '^#pragma GCC optimize' "$1"; then
    printf 'units/%s_plain.cpp\n' "$(printf '%s' "${1%.cpp}" | tr / _)"
    return
  fi
  folder=$(dirname "$1")
  [ "$folder" != . ] || folder=bindings
  needs_torch "$1" && kind=torch || kind=plain
  printf 'units/%s_%s.cpp\n' "$(printf '%s' "$folder" | tr / _)" $kind
}

for list in headers objects rules torch_units plain_units; do
  : >"$work/$list"
done

if [ -n "$output" ]; then
  mkdir -p "$output/core/support" "$output/units" || exit 1
  units=$output
  header=$output/core/support/config.h
  makevars=$output/Makevars
  record=$output/libtorch.dcf
else
  mkdir -p "$root/inst" "$root/src/units" || exit 1
  units=$root/src
  header=$root/src/core/support/config.h
  makevars=$root/src/Makevars
  record=$root/inst/libtorch.dcf
fi
fill "$root/src/core/support/config.h.in" "$header"

cd "$root/src" || exit 1
find . -name '*.h' | sed 's|^\./||' | LC_ALL=C sort >"$work/headers"
find . -name '*.cpp' ! -path './units/*' ! -name RcppExports.cpp |
  sed 's|^\./||' | LC_ALL=C sort >"$work/sources"
while read -r source; do
  echo "$(unit_of "$source") $source"
done <"$work/sources" >"$work/units"

# object SOURCE NEEDS COMMAND: adds the make rule for one object.
object() {
  echo "${1%.cpp}.o" >>"$work/objects"
  printf '%s: %s %s\n\t%s -c %s -o $@\n' "${1%.cpp}.o" "$1" "$2" "$3" "$1" \
    >>"$work/rules"
}

object RcppExports.cpp '$(HEADERS)' '$(COMPILE)'
for unit in $(cut -d ' ' -f 1 "$work/units" | LC_ALL=C sort -u); do
  members=$(awk -v unit="$unit" '$1 == unit { print $2 }' "$work/units")
  {
    echo "// Written by configure: do not edit."
    # shellcheck disable=SC2086 # one line for each
    printf '#include "%s"\n' $members
  } >"$work/filled"
  keep "$units/$unit"
  needs="$(echo "$members" | tr '\n' ' ')\$(HEADERS)"
  case $unit in
    *_torch.cpp)
      echo "$unit" >>"$work/torch_units"
      object "$unit" "\$(PCH) $needs" '$(TORCH_COMPILE) $(PCH_FLAGS)' ;;
    *)
      echo "$unit" >>"$work/plain_units"
      object "$unit" "$needs" '$(COMPILE)' ;;
  esac
done

fill "$root/src/Makevars.in" "$makevars"
if [ -n "$output" ]; then
  fill "$root/tests/cpp/config.cmake.in" "$output/config.cmake"
fi
# Read by R before the shared object is loaded (R/zzz.R).
printf 'Folder: %s\nVersion: %s\nSource: %s\n' "$libtorch_dir" \
  "$libtorch_version" "$libtorch_source" >"$record"
say "wrote $makevars"
