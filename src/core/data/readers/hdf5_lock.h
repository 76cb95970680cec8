// The lock under which every call to HDF5 runs, without HDF5's headers.
#pragma once

namespace sailer::hdf5 {

// Held for as long as it lives, by one thread at a time, again and again by the
// same one. Whoever asked first is served first: a thread that reads block
// after block lets R in after the block at hand.
//
// Take it also around code that may use the same library without our knowing:
// R code, whose packages and finalizers open and close HDF5 files.
class LibraryLock {
 public:
  LibraryLock();
  ~LibraryLock();
  LibraryLock(const LibraryLock&) = delete;
  LibraryLock& operator=(const LibraryLock&) = delete;
};

}  // namespace sailer::hdf5
