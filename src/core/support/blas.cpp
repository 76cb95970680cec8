#include "core/support/blas.h"

#include <ATen/Context.h>
#include <ATen/Version.h>

#include <cstdlib>
#include <string>
#include <vector>

#ifdef __linux__
#include <dlfcn.h>
#include <link.h>
#endif

namespace sailer {
namespace {

#ifdef __linux__

// Collects the paths of loaded libraries whose file name speaks of a BLAS.
int collect_blas(dl_phdr_info* library, size_t, void* data) {
  const std::string path = library->dlpi_name ? library->dlpi_name : "";
  const std::string file = path.substr(path.find_last_of('/') + 1);
  for (const char* word : {"blas", "libmkl", "blis", "atlas"}) {
    if (file.find(word) != std::string::npos) {
      static_cast<std::vector<std::string>*>(data)->push_back(path);
      break;
    }
  }
  return 0;
}

std::string real_path(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  const std::string result = resolved;
  free(resolved);
  return result;
}

// "OpenBLAS 0.3.21 NO_LAPACKE ..." is longer than anybody reads.
std::string first_words(const std::string& text, int count) {
  size_t end = 0;
  for (int word = 0; word < count && end != std::string::npos; ++word) {
    end = text.find(' ', end + (word > 0 ? 1 : 0));
  }
  return text.substr(0, end);
}

// Optimised libraries carry a function of their own; the reference has none.
std::string name_of(void* library) {
  using Config = char* (*)();
  if (auto config =
          reinterpret_cast<Config>(dlsym(library, "openblas_get_config"))) {
    return first_words(config(), 2);
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

// The first optimised library that is loaded; else a plain libblas.so.3.
BlasInfo find_loaded_blas() {
  std::vector<std::string> paths;
  dl_iterate_phdr(collect_blas, &paths);
  BlasInfo found{"unknown", "", false};
  for (const std::string& path : paths) {
    void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (library == nullptr) continue;
    const std::string name = name_of(library);
    const bool computes = dlsym(library, "sgemm_") != nullptr;
    dlclose(library);
    if (!name.empty()) return {name, real_path(path), false};
    if (computes) found = {"reference BLAS", real_path(path), true};
  }
  return found;
}

#endif

}  // namespace

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
