// Runs the tests. If the environment variable SAILER_TEST_REPORT names a file,
// the numbers of passed, failed and skipped test cases are appended to it
// (tools/test sums them up).
#if __has_include(<catch2/catch_session.hpp>)
#define SAILER_CATCH3
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#else
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#endif

#include <cstdlib>
#include <fstream>
#include <string>

namespace {

#ifdef SAILER_CATCH3
using ListenerBase = Catch::EventListenerBase;
uint64_t skipped_of(const Catch::Counts& counts) { return counts.skipped; }
#else
using ListenerBase = Catch::TestEventListenerBase;
uint64_t skipped_of(const Catch::Counts&) { return 0; }
#endif

class Counter : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;

  void testRunEnded(const Catch::TestRunStats& stats) override {
    const char* report = std::getenv("SAILER_TEST_REPORT");
    if (report == nullptr) return;
    const Catch::Counts& cases = stats.totals.testCases;
    std::ofstream(report, std::ios::app)
        << cases.passed + cases.failedButOk << ' ' << cases.failed << ' '
        << skipped_of(cases) << " Catch2\n";
  }
};

CATCH_REGISTER_LISTENER(Counter)

}  // namespace

int main(int argc, char* argv[]) { return Catch::Session().run(argc, argv); }
