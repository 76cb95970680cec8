#include "core/support/blas.h"

#include <ATen/Context.h>
#include <ATen/Version.h>

#include <cstdlib>
#include <set>
#include <string>

#ifdef __linux__
#include <dlfcn.h>
#endif

namespace sailer {
namespace {

#ifdef __linux__

// Returns the file that holds the code or data at an address; "" if none does.
std::string file_of(void* address) {
  Dl_info info;
  if (address == nullptr || dladdr(address, &info) == 0) return "";
  char* resolved = realpath(info.dli_fname, nullptr);
  if (resolved == nullptr) return info.dli_fname;
  const std::string path = resolved;
  free(resolved);
  return path;
}

// Returns the file of the matrix product that LibTorch's calls reach. R's own
// BLAS is searched first, because R itself is linked with it; then comes what
// LibTorch brings along.
std::string file_of_sgemm(const std::string& libtorch) {
  void* sgemm = dlsym(RTLD_DEFAULT, "sgemm_");
  if (sgemm == nullptr) {
    void* library = dlopen(libtorch.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (library != nullptr) {
      sgemm = dlsym(library, "sgemm_");
      dlclose(library);
    }
  }
  return file_of(sgemm);
}

// "OpenBLAS 0.3.21 NO_LAPACKE ..." is longer than anybody reads.
std::string first_two_words(const std::string& text) {
  const size_t space = text.find(' ');
  return space == std::string::npos ? text
                                    : text.substr(0, text.find(' ', space + 1));
}

// Recognises an optimised library by a function that only this library has;
// returns "" for the reference BLAS, which has none.
std::string name_of(void* library) {
  using Config = char* (*)();
  if (auto config =
          reinterpret_cast<Config>(dlsym(library, "openblas_get_config"))) {
    return first_two_words(config());
  }
  const struct {
    const char* symbol;
    const char* name;
  } known[] = {{"mkl_get_version", "Intel MKL"},
               {"MKL_Get_Version", "Intel MKL"},
               {"bli_info_get_version_str", "BLIS"},
               {"ATL_buildinfo", "ATLAS"},
               {"flexiblas_current_backend", "FlexiBLAS"}};
  for (const auto& entry : known) {
    if (dlsym(library, entry.symbol) != nullptr) return entry.name;
  }
  return "";
}

BlasInfo find_loaded_blas() {
  const std::string libtorch =
      file_of(reinterpret_cast<void*>(&at::show_config));
  const std::string path = file_of_sgemm(libtorch);
  if (path.empty()) return {"unknown", "", false};
  if (path == libtorch) return {"built into LibTorch", "", false};
  void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return {"unknown", path, false};
  BlasInfo out{name_of(library), path, false};
  if (auto chosen = reinterpret_cast<char* (*)()>(
          dlsym(library, "openblas_get_corename"))) {
    out.kernels = chosen();
    out.better = better_kernels(out.kernels, instruction_set());
  }
  dlclose(library);
  if (out.name.empty()) out = {"reference BLAS", path, true};
  return out;
}

#endif

}  // namespace

std::string better_kernels(const std::string& chosen, InstructionSet best) {
  // What OpenBLAS takes an unknown processor for.
  const std::set<std::string> old = {"Prescott", "Core2",   "Nehalem",
                                     "Opteron",  "Generic", "Barcelona"};
  if (old.count(chosen) == 0 || best == InstructionSet::kPlain) return "";
  return best == InstructionSet::kAvx512 ? "SKYLAKEX" : "HASWELL";
}

BlasInfo find_blas() {
  if (at::hasMKL()) return {"Intel MKL", "", false};
  const std::string config = at::show_config();
  if (config.find("BLAS_INFO=accelerate") != std::string::npos) {
    return {"Apple Accelerate", "", false};
  }
#ifdef __linux__
  return find_loaded_blas();
#else
  return {"unknown", "", false};
#endif
}

}  // namespace sailer
