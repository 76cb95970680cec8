# A part of `configure`: writes down what was found.
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

# fill TEMPLATE FILE: replaces the names between at signs. A file that would
# stay as it is keeps its time, so that nothing is built again for it.
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
    -e "s|@torch_sources@|$(one_line torch_sources)|g" \
    -e "s|@plain_sources@|$(one_line plain_sources)|g" \
    -e "/@rules@/r $work/rules" -e "/@rules@/d" \
    -e "s|@generated@|Written by configure: do not edit.|g" "$1" \
    >"$work/filled" || exit 1
  cmp -s "$work/filled" "$2" || cp "$work/filled" "$2" || exit 1
}

one_line() { tr '\n' ' ' <"$work/$1" | sed 's/ $//'; }

# A source needs LibTorch when it includes it, or a header of the rooms that
# speak in tensors; everything else is compiled without its heavy headers.
needs_torch() {
  case $1 in core/models/* | core/training/*) return 0 ;; esac
  grep -Eq '^#include.*(models/|training/|batch_|torch|ATen/|c10/)' "$1"
}

for list in headers objects rules torch_sources plain_sources; do
  : >"$work/$list"
done

if [ -n "$output" ]; then
  mkdir -p "$output/core/support" || exit 1
  header=$output/core/support/config.h
  makevars=$output/Makevars
  record=$output/libtorch.dcf
else
  mkdir -p "$root/inst" || exit 1
  header=$root/src/core/support/config.h
  makevars=$root/src/Makevars
  record=$root/inst/libtorch.dcf
fi
fill "$root/src/core/support/config.h.in" "$header"

cd "$root/src" || exit 1
find . -name '*.h' | sed 's|^\./||' | LC_ALL=C sort >"$work/headers"
find . -name '*.cpp' | sed 's|^\./||' | LC_ALL=C sort >"$work/sources"
while read -r source; do
  object=${source%.cpp}.o
  if needs_torch "$source"; then
    list=torch_sources needs='$(PCH) $(HEADERS)'
    command='$(TORCH_COMPILE) $(PCH_FLAGS)'
  else
    list=plain_sources needs='$(HEADERS)' command='$(COMPILE)'
  fi
  echo "$source" >>"$work/$list"
  echo "$object" >>"$work/objects"
  printf '%s: %s %s\n\t%s -c %s -o $@\n' "$object" "$source" "$needs" \
    "$command" "$source" >>"$work/rules"
done <"$work/sources"

fill "$root/src/Makevars.in" "$makevars"
if [ -n "$output" ]; then
  fill "$root/tests/cpp/config.cmake.in" "$output/config.cmake"
fi
# Read by R before the shared object is loaded (R/zzz.R).
printf 'Folder: %s\nVersion: %s\nSource: %s\n' "$libtorch_dir" \
  "$libtorch_version" "$libtorch_source" >"$record"
say "wrote $makevars"
