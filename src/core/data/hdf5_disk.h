// A driver of HDF5 for files being written, to which no write fails.
//
// HDF5 cannot give up a file when the disk refuses a write: what it holds back
// stays, is tried again when the process ends, and may crash it. This driver
// notes the first refusal and then takes everything, so the library closes the
// file in order, and the writer learns from the note that the file is no good.
#pragma once

#include <hdf5.h>

namespace sailer::hdf5 {

struct WriteFailure {
  int code = 0;  // errno of the first refusal; 0: none
};

// Has files opened with the access list `plist` go through the driver. Negative
// on failure. `failure` must outlive them. Call within a Session.
herr_t use_patient_disk(hid_t plist, WriteFailure* failure);

}  // namespace sailer::hdf5
