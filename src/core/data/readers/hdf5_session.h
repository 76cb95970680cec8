// One stretch of calls to HDF5: keeps the library silent. HDF5 may be built
// without thread safety, and other packages use the same library: all calls are
// made on the thread of the program, R's.
#pragma once

#include <hdf5.h>

#include <string>

namespace sailer::hdf5 {

class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // HDF5's reason for the call that has just failed: ": <reason>" or "".
  static std::string reason();

 private:
  H5E_auto2_t printer_ = nullptr;  // what other users of the library had set
  void* printer_data_ = nullptr;
};

}  // namespace sailer::hdf5
