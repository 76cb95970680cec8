#include "hdf5_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#if __has_include(<H5FDdevelop.h>)
#include <H5FDdevelop.h>  // since HDF5 1.12
#endif

namespace sailer::hdf5 {
namespace {

struct DiskFile {
  H5FD_t base{};  // first: HDF5 knows the file by it
  int descriptor = -1;
  haddr_t end_allocated = 0;
  haddr_t end_written = 0;
  WriteFailure* failure = nullptr;
  // Metadata that the disk refused, in the order in which they came: HDF5 may
  // read them again before it has closed the file.
  std::vector<std::pair<haddr_t, std::vector<char>>> refused;
};

DiskFile* disk_file(H5FD_t* file) { return reinterpret_cast<DiskFile*>(file); }
const DiskFile* disk_file(const H5FD_t* file) {
  return reinterpret_cast<const DiskFile*>(file);
}

void note(WriteFailure* failure) {
  if (failure->code == 0) failure->code = errno != 0 ? errno : EIO;
}

H5FD_t* open_file(const char* name, unsigned flags, hid_t plist, haddr_t) {
  const void* info = H5Pget_driver_info(plist);
  if (info == nullptr) return nullptr;
  auto file = std::make_unique<DiskFile>();
  file->failure = *static_cast<WriteFailure* const*>(info);
  int how = (flags & H5F_ACC_RDWR) != 0 ? O_RDWR : O_RDONLY;
  if ((flags & H5F_ACC_TRUNC) != 0) how |= O_TRUNC;
  if ((flags & H5F_ACC_CREAT) != 0) how |= O_CREAT;
  if ((flags & H5F_ACC_EXCL) != 0) how |= O_EXCL;
  file->descriptor = ::open(name, how | O_CLOEXEC, 0666);
  if (file->descriptor < 0) {
    file->failure->code = errno;
    return nullptr;
  }
  file->failure->code = 0;  // HDF5 tries with other flags first
  const off_t end = ::lseek(file->descriptor, 0, SEEK_END);
  file->end_written = end > 0 ? static_cast<haddr_t>(end) : 0;
  return &file.release()->base;
}

herr_t close_file(H5FD_t* file) {
  const std::unique_ptr<DiskFile> owned(disk_file(file));
  if (::close(owned->descriptor) != 0) note(owned->failure);
  return 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA |
           H5FD_FEAT_DATA_SIEVE | H5FD_FEAT_AGGREGATE_SMALLDATA;
  return 0;
}

haddr_t get_end_allocated(const H5FD_t* file, H5FD_mem_t) {
  return disk_file(file)->end_allocated;
}

herr_t set_end_allocated(H5FD_t* file, H5FD_mem_t, haddr_t end) {
  disk_file(file)->end_allocated = end;
  return 0;
}

haddr_t get_end_written(const H5FD_t* file, H5FD_mem_t) {
  return disk_file(file)->end_written;
}

// Bytes that the file lacks are zero.
herr_t read_bytes(H5FD_t* base, H5FD_mem_t, hid_t, haddr_t place, size_t count,
                  void* out) {
  const DiskFile* file = disk_file(base);
  auto* bytes = static_cast<char*>(out);
  size_t done = 0;
  while (done < count) {
    const ssize_t n = ::pread(file->descriptor, bytes + done, count - done,
                              static_cast<off_t>(place + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) note(file->failure);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  std::memset(bytes + done, 0, count - done);
  for (const auto& [start, kept] : file->refused) {
    const haddr_t from = std::max(start, place);
    const haddr_t to = std::min<haddr_t>(start + kept.size(), place + count);
    if (from >= to) continue;
    std::memcpy(bytes + (from - place), kept.data() + (from - start),
                static_cast<size_t>(to - from));
  }
  return 0;
}

herr_t write_bytes(H5FD_t* base, H5FD_mem_t type, hid_t, haddr_t place,
                   size_t count, const void* values) {
  DiskFile* file = disk_file(base);
  const auto* bytes = static_cast<const char*>(values);
  size_t done = 0;
  while (done < count && file->failure->code == 0) {
    const ssize_t n = ::pwrite(file->descriptor, bytes + done, count - done,
                               static_cast<off_t>(place + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      if (n == 0) errno = ENOSPC;
      note(file->failure);
    } else {
      done += static_cast<size_t>(n);
    }
  }
  if (done < count && type != H5FD_MEM_DRAW) {
    file->refused.emplace_back(place, std::vector<char>(bytes, bytes + count));
  }
  file->end_written = std::max<haddr_t>(file->end_written, place + count);
  return 0;
}

// The file ends where HDF5 says.
herr_t truncate_file(H5FD_t* base, hid_t, hbool_t) {
  DiskFile* file = disk_file(base);
  if (file->end_allocated == file->end_written) return 0;
  if (::ftruncate(file->descriptor, static_cast<off_t>(file->end_allocated)) !=
      0) {
    note(file->failure);
  }
  file->end_written = file->end_allocated;
  return 0;
}

H5FD_class_t driver() {
  constexpr H5FD_mem_t kFreeLists[] = H5FD_FLMAP_DICHOTOMY;
  H5FD_class_t driver{};
#ifdef H5FD_CLASS_VERSION
  driver.version = H5FD_CLASS_VERSION;
  driver.value = static_cast<H5FD_class_value_t>(600);  // of those left free
#endif
  driver.name = "sailer";
  driver.maxaddr = (haddr_t{1} << 62) - 1;
  driver.fc_degree = H5F_CLOSE_STRONG;
  driver.fapl_size = sizeof(WriteFailure*);
  driver.open = open_file;
  driver.close = close_file;
  driver.query = query;
  driver.get_eoa = get_end_allocated;
  driver.set_eoa = set_end_allocated;
  driver.get_eof = get_end_written;
  driver.read = read_bytes;
  driver.write = write_bytes;
  driver.truncate = truncate_file;
  std::copy(std::begin(kFreeLists), std::end(kFreeLists), driver.fl_map);
  return driver;
}

}  // namespace

herr_t use_patient_disk(hid_t plist, WriteFailure* failure) {
  // Registered once and for good: HDF5 looks at the driver after a closing file
  // has let it go. Callers hold the lock of a Session.
  static hid_t id = -1;
  if (id < 0 || H5Iget_type(id) != H5I_VFL) {
    const H5FD_class_t described = driver();
    id = H5FDregister(&described);
  }
  return id < 0 ? -1 : H5Pset_driver(plist, id, &failure);
}

}  // namespace sailer::hdf5
