// One stretch of calls to HDF5: holds the lock, keeps the library silent.
#pragma once

#include <hdf5.h>

#include <string>

#include "hdf5_lock.h"

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
  LibraryLock lock_;
  H5E_auto2_t printer_ = nullptr;  // what other users of the library had set
  void* printer_data_ = nullptr;
};

}  // namespace sailer::hdf5
