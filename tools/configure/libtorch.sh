# Part of `configure`: finds LibTorch, checks that it works, looks at its BLAS.
# Sets abi, cxx_std, torch_cppflags, torch_libs, libtorch_dir, libtorch_version,
# libtorch_source, libtorch_device and blas_note.
# shellcheck shell=sh disable=SC2154 # variables come from configure

mkdir -p "$work/core/support"
cp "$root/tools/configure/prove.cpp" "$work/" || exit 1
cp "$root/src/core/support/blas.h" "$root/src/core/support/blas.cpp" \
  "$root/src/core/support/instruction_set.h" "$work/core/support/" || exit 1

# prove_with: compiles, links and runs the check with the current flags.
prove_with() {
  # Debug information names the folder; without it ccache can reuse the object.
  flags="-g0 -I. -D_GLIBCXX_USE_CXX11_ABI=$abi $torch_cppflags"
  failed_at='compile'
  try "$ccache$compile $flags -c prove.cpp -o prove.o" || return 1
  try "$ccache$compile $flags -c core/support/blas.cpp -o blas.o" || return 1
  failed_at='link'
  try "$compile prove.o blas.o $ldflags $torch_libs -o prove" || return 1
  failed_at='run'
  try "./prove"
}

# The standard library's ABI that LibTorch was built with shows in the name of
# c10::Error's constructor. It only determines which ABI is tried first.
likely_abis() {
  if grep -q 'SourceLocationENSt7__cxx1112basic_string' "$1/libc10.$shared" \
    2>/dev/null; then
    echo "1 0"
  elif grep -q 'SourceLocationESs' "$1/libc10.$shared" 2>/dev/null; then
    echo "0 1"
  else
    echo "1 0"
  fi
}

# set_torch_libs FOLDER DEVICE: DEVICE is "cpu", "cuda" or "hip". A GPU's
# library must stay linked although none of its symbols is used, because it
# registers itself.
set_torch_libs() {
  torch_libs=$(library_flags "$1")
  if [ "$2" != cpu ]; then
    torch_libs="$torch_libs -Wl,--no-as-needed -ltorch_$2 -lc10_$2 \
-Wl,--as-needed"
  fi
  torch_libs="$torch_libs -ltorch_cpu -lc10"
}

# prove_standards FOLDER: tries C++17, then C++20 if that does not compile, and
# both ABIs. Headers that need C++20 do not always say so: LibTorch's own
# "#error" is in a header that takes long to read, and the others fail on the
# features that they use. So both standards are tried, and if neither compiles,
# both errors are reported. If both ABIs fail, the error of the likely one is
# reported.
prove_standards() {
  : >"$work/uncompiled"
  for standard in 17 20; do
    if ! use_standard "$standard"; then
      echo "    R names no compiler for C++$standard (R CMD config \
CXX$standard is empty)." >>"$work/uncompiled"
      continue
    fi
    for abi in $(likely_abis "$1"); do
      prove_with && return 0
      [ "$failed_at" != compile ] || break
      [ -e "$work/likely" ] || cp "$work/failure" "$work/likely"
    done
    if [ "$failed_at" != compile ]; then
      mv "$work/likely" "$work/failure"
      return 1
    fi
    cat "$work/failure" >>"$work/uncompiled"
  done
  mv "$work/uncompiled" "$work/failure"
  return 1
}

# prove_libtorch NAME INCLUDE LIB
prove_libtorch() {
  folder=$(real_folder "$3/libtorch_cpu.$shared")
  include=$(cd "$2" && pwd -P)
  torch_cppflags="-isystem '$include/torch/csrc/api/include'"
  # The compiler searches /usr/include anyway; naming it again hides headers.
  case $include in
    /usr/include | /usr/local/include) ;;
    *) torch_cppflags="-isystem '$include' $torch_cppflags" ;;
  esac
  rm -f "$work/likely"
  for device in cuda hip cpu; do
    [ "$device" = cpu ] || [ -e "$folder/libtorch_$device.$shared" ] || continue
    set_torch_libs "$folder" "$device"
    if prove_standards "$folder"; then
      libtorch_source=$1
      libtorch_dir=$folder
      libtorch_device=$device
      return 0
    fi
    note="a small test program does not $failed_at"
    [ "$device" = cpu ] || note="$note with its $device library"
    tried "$1 ($3): $note"
    say "skipping LibTorch of $1 ($3): $note"
    { printf '  %s (%s):\n' "$1" "$3"; cat "$work/failure"; } >>"$work/failures"
  done
  return 1
}

# prove_libtorch_folder NAME FOLDER: checks the LibTorch in FOLDER, whose
# libraries may be in lib/, lib64/ or lib/MULTIARCH/.
prove_libtorch_folder() {
  if [ ! -e "$2/include/torch/csrc/api/include/torch/types.h" ]; then
    tried "$1: no include/torch/csrc/api/include/torch/types.h in $2"
    return 1
  fi
  for lib in "$2/lib" "$2/lib64" "$2/lib/$multiarch"; do
    if [ -e "$lib/libtorch_cpu.$shared" ]; then
      prove_libtorch "$1" "$2/include" "$lib"
      return
    fi
  done
  tried "$1: no libtorch_cpu.$shared in $2/lib"
  return 1
}

# R's torch reports its folder even before it has LibTorch, and must not
# download it.
r_torch_folder() {
  JPY_PARENT_PID='' TORCH_INSTALL=0 "$r_home/bin/Rscript" --no-init-file -e '
    Sys.unsetenv("JPY_PARENT_PID")
    if (nzchar(system.file(package = "torch")))
      cat("folder=", torch::torch_install_path(), "\n", sep = "")' \
    2>/dev/null | sed -n 's/^folder=//p'
}

python_torch_folder() {
  python3 -c 'import torch; print("folder=" + list(torch.__path__)[0])' \
    2>/dev/null | sed -n 's/^folder=//p'
}

find_libtorch() {
  if [ -n "$libtorch_home" ]; then
    prove_libtorch_folder "the folder that was named" "$libtorch_home"
    return
  fi
  folder=$(r_torch_folder)
  if [ -n "$folder" ]; then
    prove_libtorch_folder "the R package torch" "$folder" && return 0
  else
    tried "the R package torch: not installed"
  fi
  folder=$(python_torch_folder)
  if [ -n "$folder" ]; then
    prove_libtorch_folder "python3's torch" "$folder" && return 0
  else
    tried "python3's torch: 'import torch' does not work in \
$(command -v python3 || echo 'python3, which is not on the PATH')"
  fi
  for folder in /usr /usr/local /opt/libtorch /opt/homebrew \
    ${CONDA_PREFIX:+"$CONDA_PREFIX"}; do
    prove_libtorch_folder "the system" "$folder" && return 0
  done
  return 1
}

: >"$work/tried"
: >"$work/failures"
if ! find_libtorch; then
  say "no LibTorch that works was found. Tried, in this order:"
  cat "$work/tried"
  if [ -s "$work/failures" ]; then
    say "the commands that failed:"
    cat "$work/failures"
  fi
  cat <<'END'
configure: install LibTorch, or name the folder of its include/ and lib/:
  R CMD INSTALL --configure-args="--with-libtorch=DIR" (or LIBTORCH_HOME=DIR).
    Debian, Ubuntu:  apt install libtorch-dev libopenblas0-openmp
    Fedora:          dnf install python3-torch-devel
    macOS:           brew install pytorch
    conda:           conda install -c conda-forge pytorch
    R:               install.packages("torch"); torch::install_torch()
END
  exit 1
fi

libtorch_version=$(value version)
devices=$(value devices)
blas=$(value blas)
blas_path=$(value blas_path)
blas_note="$blas${blas_path:+ ($blas_path)}"
say "LibTorch $libtorch_version ($libtorch_source, $libtorch_dir), for" \
  "$libtorch_device, GPUs now: $devices, C++${cxx_std#CXX}, C++ ABI $abi"
say "BLAS: $blas_note"
if [ "$(value blas_reference)" = yes ]; then
  cat <<END

  *************************************************************************
  WARNING: LibTorch would compute with the reference BLAS
    $blas_path
  which is some twenty times slower than OpenBLAS. sailer will work, slowly.
    Debian, Ubuntu:  apt install libopenblas0-openmp
    Fedora:          dnf install openblas-openmp
    conda:           conda install -c conda-forge 'libblas=*=*openblas'
  Nothing needs to be built again afterwards.
  *************************************************************************

END
elif [ -n "$(value blas_better)" ]; then
  cat <<END

  *************************************************************************
  WARNING: this OpenBLAS is older than the processor. It computes as on a
    $(value blas_kernels), several times slower than it could. Start R with
    OPENBLAS_CORETYPE=$(value blas_better) in the environment, or install a newer one.
  Nothing needs to be built again afterwards.
  *************************************************************************

END
fi

