// Errors of LibTorch and of the standard library as errors of the core.
#include "core/support/foreign_error.h"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <new>
#include <stdexcept>

#include "catch.h"

namespace foreign_error_test {

using namespace sailer;
using namespace sailer_test;

namespace {

template <typename Body>
Error error_of(Body&& body) {
  try {
    body();
  } catch (const std::exception& error) {
    return as_error(error);
  }
  throw std::logic_error("nothing was thrown");
}

}  // namespace

TEST_CASE("errors of LibTorch are one line") {
  const Error error = error_of([] {
    at::matmul(at::zeros({2, 3}), at::zeros({2, 3}));
  });
  REQUIRE(error.kind() == ErrorKind::kInternal);
  REQUIRE_THAT(error.what(), contains("sailer's core failed: mat1 and mat2"));
  REQUIRE_THAT(error.what(), !contains("\n"));
  REQUIRE_THAT(error.what(), !contains("raised from"));
}

TEST_CASE("errors for lack of memory say what to lower") {
  // Each allocation exceeds the address space.
  const Error of_torch = error_of([] { at::empty({int64_t{1} << 55}); });
  const Error of_cpp = error_of([] { throw std::bad_alloc(); });
  const Error of_gpu = error_of([] {
    throw std::runtime_error(
        "CUDA out of memory. Tried to allocate 2.00 GiB\nException raised from "
        "malloc at CUDACachingAllocator.cpp:862 (most recent call first):\n"
        "frame #0: c10::Error::Error");
  });
  for (const Error& error : {of_torch, of_cpp, of_gpu}) {
    REQUIRE(error.kind() == ErrorKind::kMemory);
    REQUIRE_THAT(error.what(), contains("There is not enough memory: "));
    REQUIRE_THAT(error.what(), contains("Lower `batch_size`"));
    REQUIRE_THAT(error.what(), !contains("frame #"));
  }
  REQUIRE_THAT(of_gpu.what(), contains("Tried to allocate 2.00 GiB. Lower"));
}

TEST_CASE("errors of the core are not changed") {
  const Error error =
      error_of([] { throw Error(ErrorKind::kData, "Cell 7 has no counts."); });
  REQUIRE(error.kind() == ErrorKind::kData);
  REQUIRE(std::string(error.what()) == "Cell 7 has no counts.");
}

TEST_CASE("code that runs out of memory is repeated with less") {
  int64_t size = 8;
  const auto compute = [&] {
    if (size > 2) {
      TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory.");
    }
    return size;
  };
  const auto halve = [&] { return (size /= 2) > 0; };
  REQUIRE(with_less_memory(compute, halve) == 2);
  size = 8;
  REQUIRE_THROWS_AS(with_less_memory(compute, [] { return false; }),
                    c10::OutOfMemoryError);
  int times = 0;
  const auto fail = [&] {
    ++times;
    throw Error(ErrorKind::kData, "Cell 7 has no counts.");
  };
  REQUIRE_THROWS_AS(with_less_memory(fail, halve), Error);
  REQUIRE(times == 1);
}

}  // namespace foreign_error_test
