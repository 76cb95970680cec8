// Files that are whole or not there, whatever happens to disk and process.
#pragma once

#include <functional>
#include <string>

namespace sailer {

// What became of a file that could not be written, as Error(kFile).
[[noreturn]] void fail_to_write(const std::string& path,
                                const std::string& reason);

// Throws it where there is no folder for the file, or one in its place.
void check_place(const std::string& path);

// Has write(part) make a file beside `path`, has the disk keep it, and moves it
// to its place: `path` holds the old file or the whole new one, even where the
// process is killed. A link stays, and what it points to is replaced. `durable`
// = false does without the disk's word, for files that a crash may take. Throws
// Error(kFile) when folder or disk do not take it; then nothing is left behind.
void replace_file(const std::string& path,
                  const std::function<void(const std::string& part)>& write,
                  bool durable = true);

}  // namespace sailer
