#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.h"
#include "core/models/sailer_options.h"
#include "core/training/train_options.h"

namespace options_test {

using namespace sailer;
using namespace sailer_test;

TEST_CASE("a range contains the values that it describes") {
  const double infinity = std::numeric_limits<double>::infinity();
  REQUIRE(at_least(2).holds(2));
  REQUIRE_FALSE(at_least(2).holds(1.9));
  REQUIRE_FALSE(at_least(2).holds(infinity));
  REQUIRE_FALSE(at_least(2).holds(std::nan("")));
  REQUIRE_FALSE(above(0).holds(0));
  REQUIRE(above(0).at_most(1).holds(1));
  REQUIRE_FALSE(above(0).less_than(1).holds(1));
  REQUIRE(at_least(1).words(true) == "at least 1");
  REQUIRE(at_least(0).words(false) == "a number of at least 0");
  REQUIRE(above(0).or_word("auto").words(false) ==
          "a number above 0, or \"auto\"");
  REQUIRE(at_least(0).less_than(1).words(false) ==
          "at least 0 and less than 1");
  REQUIRE(above(0).at_most(1).words(false) == "above 0 and at most 1");
}

TEST_CASE("an automatic option is only checked once it has a value") {
  TrainOptions options;
  REQUIRE_NOTHROW(options.check());
  options.epochs = 0;
  REQUIRE_THROWS_WITH(options.check(), "`epochs` must be at least 1.");
  options.epochs = TrainOptions::kAuto;
  REQUIRE_NOTHROW(options.check());
  SailerOptions model;
  model.beta = SailerOptions::kAuto;  // must always have a value
  REQUIRE_THROWS_WITH(model.check(), "`beta` must be a number of at least 0.");
}

TEST_CASE("every option of a struct has a description and a unique name") {
  SailerOptions options;
  std::vector<std::string> names;
  describe(options,
           [&](const char* name, const auto&, const Range&, const char* help) {
             names.push_back(name);
             REQUIRE(help != nullptr);
           });
  std::sort(names.begin(), names.end());
  REQUIRE(std::adjacent_find(names.begin(), names.end()) == names.end());
  REQUIRE(names.size() == 17);
}

TEST_CASE("names are translated to values and back") {
  REQUIRE(name_of(Architecture::kChromosome) == "chromosome");
  REQUIRE(parse(names_of(Marginal()), "marginal", "mixture") ==
          Marginal::kMixture);
  REQUIRE_THROWS_WITH(
      parse(names_of(Architecture()), "architecture", "cnn"),
      "`architecture` must be one of \"dense\", \"chromosome\", not "
      "\"cnn\".");
}

TEST_CASE("options out of range are refused by name") {
  const auto refused = [](auto change, const char* name) {
    SailerOptions options;
    change(options);
    REQUIRE_THROWS_WITH(options.check(), contains(name));
  };
  refused([](SailerOptions& o) { o.n_latent = 0; }, "n_latent");
  refused([](SailerOptions& o) { o.hidden = {}; }, "hidden");
  refused([](SailerOptions& o) { o.hidden = {5, 0}; }, "hidden");
  refused([](SailerOptions& o) { o.lambda = -1; }, "lambda");
  refused([](SailerOptions& o) { o.lambda = NAN; }, "lambda");
  refused([](SailerOptions& o) { o.omega = 0; }, "omega");
  refused([](SailerOptions& o) { o.dropout = 1; }, "dropout");
  refused([](SailerOptions& o) { o.thinning.max = 1; }, "thinning");
  refused([](SailerOptions& o) { o.thinning = {0.5, 0.2}; }, "thinning");
}

}  // namespace options_test
