#include "core/training/checkpoint.h"

#include <ATen/ATen.h>

#include <cstring>

#include "catch.h"
#include "core/support/error.h"
#include "core/support/tensor_file.h"
#include "data_files.h"
#include "torch_helpers.h"

namespace checkpoint_test {

using namespace sailer;
using namespace sailer_test;

TEST_CASE("tensors keep their bits, types and shapes",
          "[training][checkpoint]") {
  TemporaryFile place;
  const at::Tensor base = random_tensor({6, 4}, 2);
  const at::Tensor odd = at::tensor({0.1, -0.0, 1e-310, 3e300}, doubles());
  const std::vector<NamedTensor> given{
      {"a", odd},
      {"steps", at::tensor(std::vector<int64_t>{(int64_t{1} << 60) + 1})},
      {"z/weight", base.to(at::kFloat).t()},  // not contiguous
      {"none", at::empty({0, 3})},
      {"single", at::scalar_tensor(2.5)},
      {"grad", at::ones({2, 1, 3, 1, 2}).set_requires_grad(true)}};
  write_state(place.path(), given);
  const std::vector<NamedTensor> found = read_state(place.path());
  REQUIRE(found.size() == given.size());
  for (size_t k = 0; k < given.size(); ++k) {
    INFO(given[k].name);
    REQUIRE(found[k].name == given[k].name);
    REQUIRE(found[k].tensor.scalar_type() == given[k].tensor.scalar_type());
    REQUIRE(found[k].tensor.sizes() == given[k].tensor.sizes());
    const at::Tensor expected = given[k].tensor.detach().contiguous();
    if (expected.numel() == 0) continue;
    REQUIRE(std::memcmp(found[k].tensor.data_ptr(), expected.data_ptr(),
                        expected.nbytes()) == 0);
  }
}

TEST_CASE("tensors of other types and foreign files are refused",
          "[training][checkpoint]") {
  TemporaryFile place;
  REQUIRE_THROWS_WITH(
      write_state(place.path(), {{"half", at::ones({2}).to(at::kHalf)}}),
      contains("'half' is of type Half"));
  REQUIRE_THROWS_WITH(read_state(place.path()), contains("does not exist"));
  const int32_t small = 1;
  TensorFile file{"training state", 2, "", {}};
  file.tensors = {{"small", "I32", {1}, borrowed(&small)}};
  write_tensor_file(place.path(), file);
  REQUIRE_THROWS_WITH(read_state(place.path()),
                      contains("'small' is of type I32"));
  file.kind = "sailer model";
  write_tensor_file(place.path(), file);
  REQUIRE_THROWS_WITH(read_state(place.path()),
                      contains("holds a sailer model, not a training state"));
}

}  // namespace checkpoint_test
