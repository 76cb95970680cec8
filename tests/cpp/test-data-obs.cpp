// Columns of obs in every format that AnnData has written.

#include "../../src/core/data/readers/h5ad_source.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"

namespace data_obs_test {

using namespace sailer;
using namespace sailer_test;
using Kind = ObsColumn::Kind;
using Texts = std::vector<std::string>;
using Codes = std::vector<int64_t>;
using Flags = std::vector<uint8_t>;

namespace {

void write_obs(const std::string& path) {
  Writer writer(path);
  writer.group("obs");
  writer.strings("obs/_index", {"a", "b", "c"}, Writer::Text::kVariable);
  writer.strings("obs/plate", {"p1", "p 2", ""}, Writer::Text::kVariable);
  writer.strings("obs/fixed", {"x ", "yy", ""}, Writer::Text::kSpaces);
  writer.numbers("obs/tss", {0.5, -1, 3}, H5T_IEEE_F32LE);
  writer.integers("obs/fragments", {1, int64_t{1} << 40, -2}, H5T_STD_I64LE);
  // Categories next to their codes; code -1 has none.
  writer.group("obs/type");
  writer.strings("obs/type/categories", {"T", "B"}, Writer::Text::kVariable);
  writer.integers("obs/type/codes", {1, -1, 0}, H5T_STD_I8LE);
  writer.integers_attribute("obs/type", "ordered", {1});
  writer.group("obs/lane");
  writer.integers("obs/lane/categories", {10, 30}, H5T_STD_I64LE);
  writer.integers("obs/lane/codes", {0, 1, 1}, H5T_STD_I8LE);
  // AnnData 0.7: categories in a group of their own.
  writer.group("obs/__categories");
  writer.strings("obs/__categories/donor", {"d1", "d2"},
                 Writer::Text::kVariable);
  writer.integers("obs/donor", {0, 1, 0}, H5T_STD_I8LE);
  // Values next to a mask.
  writer.group("obs/age");
  writer.integers("obs/age/values", {40, 1, 60}, H5T_STD_I64LE);
  writer.integers("obs/age/mask", {0, 1, 0}, H5T_STD_I8LE);
  writer.group("obs/broken");
  writer.strings("obs/broken/categories", {"T"}, Writer::Text::kVariable);
  writer.integers("obs/broken/codes", {0, 1, 0}, H5T_STD_I8LE);
  writer.group("obs/empty");
}

// Columns that a file of other software could have.
void write_foreign(const std::string& path) {
  Writer writer(path);
  writer.group("obs");
  writer.strings("obs/_index", {"a", "b", "c"}, Writer::Text::kVariable);
  writer.group("obs/dose");
  writer.numbers("obs/dose/categories", {1e-7, 2e-7, 0.1, 1e10},
                 H5T_IEEE_F64LE);
  writer.integers("obs/dose/codes", {0, 1, 3}, H5T_STD_I8LE);
  writer.group("obs/short_mask");
  writer.integers("obs/short_mask/values", {40, 1, 60}, H5T_STD_I64LE);
  writer.integers("obs/short_mask/mask", {0}, H5T_STD_I8LE);
  writer.group("obs/long_mask");
  writer.integers("obs/long_mask/values", {40, 1, 60}, H5T_STD_I64LE);
  writer.integers("obs/long_mask/mask", {0, 0, 0, 1}, H5T_STD_I8LE);
  writer.integers("obs/short", {1, 2}, H5T_STD_I64LE);
}

}  // namespace

TEST_CASE("columns of obs are read by their type", "[data][hdf5]") {
  TemporaryFile file(".h5ad");
  write_obs(file.path());
  auto read = [&](const std::string& column) {
    return read_obs(file.path(), column);
  };

  REQUIRE(read("plate").texts == Texts{"p1", "p 2", ""});
  REQUIRE(read("fixed").texts == Texts{"x", "yy", ""});
  REQUIRE(read("tss").numbers == std::vector<double>{0.5, -1, 3});
  REQUIRE(read("fragments").kind == Kind::kInteger);
  REQUIRE(read("fragments").codes == Codes{1, int64_t{1} << 40, -2});

  const ObsColumn type = read("type");
  REQUIRE(type.kind == Kind::kCategorical);
  REQUIRE(type.categories == Texts{"T", "B"});
  REQUIRE(type.codes == Codes{1, -1, 0});
  REQUIRE(type.missing == Flags{0, 1, 0});
  REQUIRE(type.ordered);

  const ObsColumn lane = read("lane");
  REQUIRE(lane.categories == Texts{"10", "30"});
  REQUIRE_FALSE(lane.ordered);
  REQUIRE(read("donor").kind == Kind::kCategorical);
  REQUIRE(read("donor").categories == Texts{"d1", "d2"});
  REQUIRE(read("donor").codes == Codes{0, 1, 0});
  REQUIRE(read("age").codes == Codes{40, 1, 60});
  REQUIRE(read("age").missing == Flags{0, 1, 0});
}

TEST_CASE("missing or broken columns are named", "[data][hdf5]") {
  TemporaryFile file(".h5ad");
  write_obs(file.path());
  REQUIRE_THROWS_WITH(read_obs(file.path(), "cluster"),
                      contains("no column 'cluster'"));
  REQUIRE_THROWS_WITH(read_obs(file.path(), "_index"), contains("no column"));
  REQUIRE_THROWS_WITH(read_obs(file.path(), "broken"),
                      contains("'obs/broken/codes'"));
  REQUIRE_THROWS_WITH(read_obs(file.path(), "empty"),
                      contains("obs/empty/values"));
}

TEST_CASE("numeric categories stay distinct", "[data][hdf5]") {
  TemporaryFile file(".h5ad");
  write_foreign(file.path());
  const ObsColumn dose = read_obs(file.path(), "dose");
  REQUIRE(dose.categories == Texts{"1e-07", "2e-07", "0.1", "1e+10"});
}

TEST_CASE("a mask or a column of another length is refused", "[data][hdf5]") {
  TemporaryFile file(".h5ad");
  write_foreign(file.path());
  REQUIRE_THROWS_WITH(read_obs(file.path(), "short_mask"),
                      contains("has 3 values, but its mask 1"));
  REQUIRE_THROWS_WITH(read_obs(file.path(), "long_mask"),
                      contains("has 3 values, but its mask 4"));
  REQUIRE_THROWS_WITH(read_obs(file.path(), "short"),
                      contains("'obs/short' of the file '") &&
                          contains("has 2 values for 3 rows"));
}

TEST_CASE("columns of obs are listed without index and categories",
          "[data][hdf5]") {
  TemporaryFile file(".h5ad");
  write_obs(file.path());
  const Texts names = obs_columns(file.path());
  REQUIRE(names == Texts{"age", "broken", "donor", "empty", "fixed",
                         "fragments", "lane", "plate", "tss", "type"});
}

}  // namespace data_obs_test
