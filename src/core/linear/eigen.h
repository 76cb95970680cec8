// Eigen, only for the sources of this folder: the headers that others include
// use plain vectors, so that those files need not read Eigen.
#pragma once

#if defined(__GNUC__)
#pragma GCC system_header  // Eigen's warnings are not ours
#endif

// Runs in the caller's thread, so that bits do not depend on the number of
// threads.
#define EIGEN_DONT_PARALLELIZE
#define EIGEN_MPL2_ONLY

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>

namespace sailer {

// Rows are contiguous, because each entry of a sparse row needs one row of such
// a matrix.
using RowMatrix =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace sailer
