// Eigen, for the sources of this folder alone: their headers speak in plain
// vectors, so that whoever includes them need not read it.
#pragma once

#if defined(__GNUC__)
#pragma GCC system_header  // Eigen's warnings are not ours
#endif

// In the caller's thread: bits do not depend on how many there are.
#define EIGEN_DONT_PARALLELIZE
#define EIGEN_MPL2_ONLY

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>

namespace sailer {

// Rows lie together: an entry of a sparse row wants one row of these.
using RowMatrix =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace sailer
