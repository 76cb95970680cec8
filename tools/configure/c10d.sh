# Part of `configure`: checks whether the LibTorch that was found can join
# processes (its c10d with Gloo, and NCCL on CUDA). If it cannot, everything but
# training in several processes works.
# Sets has_c10d and has_nccl, each 1 or 0.
# shellcheck shell=sh disable=SC2154,SC2034 # variables come from and go to others

cp "$root/tools/configure/prove_c10d.cpp" "$work/" || exit 1

# prove_c10d FLAGS WHETHER_TO_RUN
prove_c10d() {
  flags="-g0 -D_GLIBCXX_USE_CXX11_ABI=$abi $torch_cppflags $1"
  try "$ccache$compile $flags -c prove_c10d.cpp -o c10d.o" || return 1
  try "$compile c10d.o $ldflags $torch_libs -o c10d" || return 1
  [ "$2" = no ] || try "./c10d"
}

has_c10d=0 has_nccl=0
if prove_c10d '' yes; then
  has_c10d=1
  if [ "$libtorch_device" = cuda ] && prove_c10d -DPROVE_NCCL no; then
    has_nccl=1
    say "several processes can train together (c10d with Gloo and NCCL)"
  else
    say "several processes can train together (c10d with Gloo)"
  fi
else
  say "this LibTorch cannot join processes: training is for one process alone."
  cat "$work/failure"
  say "  Gloo's headers may be missing (Debian, Ubuntu: apt install libgloo-dev)."
fi
