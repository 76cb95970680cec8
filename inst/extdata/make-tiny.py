"""Writes tiny-10x.h5 and tiny.h5ad, the example files of the package.

Both hold the same 60 cells x 120 peaks. Counting from 0, the count of peak p in
cell c is

    (3 c + 7 p) mod 11 - 7     where that is above 0 and (c + p) is even
    0                          otherwise

so that any test can make the same matrix again. Needs h5py and anndata.

    python3 make-tiny.py   # in this folder
"""
import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp

N_CELLS, N_PEAKS = 60, 120

cell = np.arange(N_CELLS)[:, None]
peak = np.arange(N_PEAKS)[None, :]
counts = np.maximum((3 * cell + 7 * peak) % 11 - 7, 0) * ((cell + peak) % 2 == 0)
matrix = sp.csr_matrix(counts.astype(np.int32))  # cells x peaks

cells = [f"CELL{c:03d}-1" for c in range(N_CELLS)]
peaks = [
    f"chr{1 + p // 40}:{1000 * (p % 40) + 1}-{1000 * (p % 40) + 500}"
    for p in range(N_PEAKS)
]


def write_tenx(path):
    """The layout of Cell Ranger ATAC (version 3)."""
    with h5py.File(path, "w", libver="earliest") as file:
        group = file.create_group("matrix")
        zipped = dict(compression="gzip", compression_opts=9, shuffle=True)
        group.create_dataset("barcodes", data=np.array(cells, dtype="S"))
        group.create_dataset("data", data=matrix.data, **zipped)
        group.create_dataset("indices", data=matrix.indices.astype(np.int64),
                             **zipped)
        group.create_dataset("indptr", data=matrix.indptr.astype(np.int64))
        group.create_dataset("shape",
                             data=np.array([N_PEAKS, N_CELLS], dtype=np.int32))
        features = group.create_group("features")
        for name, values in {
            "id": peaks,
            "name": peaks,
            "feature_type": ["Peaks"] * N_PEAKS,
            "genome": ["GRCh38"] * N_PEAKS,
        }.items():
            features.create_dataset(name, data=np.array(values, dtype="S"))


def write_h5ad(path):
    """The layout that anndata itself writes."""
    obs = pd.DataFrame(
        {
            "batch": pd.Categorical([f"donor{1 + c % 2}"
                                     for c in range(N_CELLS)]),
            "n_fragments": np.arange(N_CELLS) * 10 + 5,
            "tss": np.linspace(2, 8, N_CELLS),
            "doublet": np.arange(N_CELLS) % 7 == 0,
        },
        index=cells,
    )
    adata = anndata.AnnData(matrix.astype(np.float32), obs=obs,
                            var=pd.DataFrame(index=peaks), dtype=np.float32)
    adata.write_h5ad(path, compression="gzip")


write_tenx("tiny-10x.h5")
write_h5ad("tiny.h5ad")
