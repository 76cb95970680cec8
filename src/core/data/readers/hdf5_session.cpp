#include "hdf5_session.h"

namespace sailer::hdf5 {

namespace {

extern "C" herr_t take_innermost(unsigned depth, const H5E_error2_t* error,
                                 void* data) {
  if (depth == 0 && error->desc != nullptr) {
    *static_cast<std::string*>(data) = error->desc;
  }
  return 0;
}

}  // namespace

Session::Session() {
  H5Eget_auto2(H5E_DEFAULT, &printer_, &printer_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Session::~Session() { H5Eset_auto2(H5E_DEFAULT, printer_, printer_data_); }

std::string Session::reason() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, &text);
  if (text.empty()) return "";
  std::string result = " (HDF5: " + text + ")";
  if (text.find("lock") != std::string::npos) {
    result +=
        ". If no other program writes to the file, set the environment "
        "variable HDF5_USE_FILE_LOCKING to FALSE and start R again";
  }
  return result;
}

}  // namespace sailer::hdf5
