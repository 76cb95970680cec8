// Files of the package: HDF5 behind a seal that is checked before HDF5 sees
// them, since the library may crash on metadata that is damaged.
//
// The seal is the user block of the file, which other readers of HDF5 skip:
// 512 bytes that begin with four lines of text (`head -n 4 FILE`),
//
//     sailer file 1
//     kind: model            what the file holds
//     version: 1             of that kind of content
//     content: SIZE CHECKSUM bytes after the seal, and their XXH64
//
// and end with a checksum of the seal itself. Any byte that changes is noticed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hdf5_writer.h"
#include "readers/hdf5.h"

namespace sailer {

// Writes the content of a file beside its place, seals it, has the disk keep it
// and moves it there. Whatever happens, the process killed included, `path`
// holds the old file or the whole new one. Throws Error(kFile) when the folder
// or the disk does not take it; then nothing is left behind.
void write_atomically(const std::string& path, const std::string& kind,
                      int version,
                      const std::function<void(hdf5::FileWriter&)>& write);

// The same for files of results, which other programs read and change: no seal.
void write_unsealed(const std::string& path,
                    const std::function<void(hdf5::FileWriter&)>& write);

struct SealedFile {
  hdf5::File file;
  int version;
};

// Checks the seal and all bytes behind it, and opens the file. Throws
// Error(kFile) that tells a missing file, a foreign one (and what it looks
// like), another kind of file of the package, a newer version than
// `newest_version`, a file cut short and a damaged one.
SealedFile open_sealed(const std::string& path, const std::string& kind,
                       int newest_version);

}  // namespace sailer
