#include "core/training/tensor_file.h"

#include <ATen/ATen.h>

#include <cstring>

#include "catch.h"
#include "core/data/sealed_file.h"
#include "core/support/error.h"
#include "data_files.h"
#include "torch_helpers.h"

using namespace sailer;
using namespace sailer_test;

TEST_CASE("tensors keep their bits, types, shapes and order",
          "[training][tensor_file]") {
  TemporaryFile place;
  const at::Tensor base = random_tensor({6, 4}, 2);
  const at::Tensor odd = at::tensor({0.1, -0.0, 1e-310, 3e300}, doubles());
  const std::vector<NamedTensor> given{
      {"z/weight", base.to(at::kFloat).t()},  // not contiguous
      {"a", odd},
      {"steps", at::tensor(std::vector<int64_t>{(int64_t{1} << 60) + 1})},
      {"none", at::empty({0, 3})},
      {"single", at::scalar_tensor(2.5)},
      {"grad", at::ones({2, 1, 3, 1, 2}).set_requires_grad(true)}};
  write_tensors(place.path(), "test", 4, given);
  const std::vector<NamedTensor> found = read_tensors(place.path(), "test", 4);
  REQUIRE(found.size() == given.size());
  for (size_t k = 0; k < given.size(); ++k) {
    INFO(given[k].name);
    REQUIRE(found[k].name == given[k].name);
    REQUIRE(found[k].tensor.scalar_type() == given[k].tensor.scalar_type());
    REQUIRE(found[k].tensor.sizes() == given[k].tensor.sizes());
    const at::Tensor expected = given[k].tensor.detach().contiguous();
    REQUIRE(std::memcmp(found[k].tensor.data_ptr(), expected.data_ptr(),
                        expected.nbytes()) == 0);
  }
  // By another way than the one that wrote them.
  const hdf5::File file = open_sealed(place.path(), "test", 4).file;
  const std::vector<double> values = file.dataset("z%2Fweight").numbers();
  REQUIRE(values[1] == base[1][0].to(at::kFloat).item<float>());
}

TEST_CASE("tensors of other types and files of others are refused",
          "[training][tensor_file]") {
  TemporaryFile place;
  REQUIRE_THROWS_WITH(write_tensors(place.path(), "test", 1,
                                    {{"half", at::ones({2}).to(at::kHalf)}}),
                      contains("'half' is of type Half"));
  REQUIRE_THROWS_WITH(read_tensors(place.path(), "test", 1),
                      contains("does not exist"));
  write_atomically(place.path(), "test", 1, [](hdf5::FileWriter& writer) {
    writer.texts("text", {1}, {"a"});
  });
  REQUIRE_THROWS_WITH(read_tensors(place.path(), "test", 1),
                      contains("dataset 'text'"));
}
