#include "hdf5_session.h"

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace sailer::hdf5 {

namespace {

// Recursive, and fair where std::recursive_mutex promises nothing: threads hold
// it in the order of their tickets.
class FairMutex {
 public:
  void lock() {
    std::unique_lock<std::mutex> guard(mutex_);
    if (depth_ == 0 || owner_ != std::this_thread::get_id()) {
      const uint64_t ticket = next_++;
      turn_.wait(guard, [&] { return ticket == serving_; });
      owner_ = std::this_thread::get_id();
    }
    ++depth_;
  }

  void unlock() {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (--depth_ > 0) return;
    ++serving_;
    turn_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable turn_;
  uint64_t next_ = 0, serving_ = 0;
  std::thread::id owner_;
  int depth_ = 0;
};

// Never destroyed: handles may be closed when the process ends.
FairMutex& library_mutex() {
  static auto* mutex = new FairMutex();
  return *mutex;
}

extern "C" herr_t take_innermost(unsigned depth, const H5E_error2_t* error,
                                 void* data) {
  if (depth == 0 && error->desc != nullptr) {
    *static_cast<std::string*>(data) = error->desc;
  }
  return 0;
}

}  // namespace

LibraryLock::LibraryLock() { library_mutex().lock(); }

LibraryLock::~LibraryLock() { library_mutex().unlock(); }

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
