"""Writes tiny-10x.h5, tiny.h5ad and tiny.h5mu, the example files of the package.

The first two hold the same 60 cells x 120 peaks. Counting from 0, the count of peak p in
cell c is

    (3 c + 7 p) mod 11 - 7     where that is above 0 and (c + p) is even
    0                          otherwise

so that any test can make the same matrix again. tiny.h5mu (MuData) holds it as
modality "atac", and as modality "rna" 50 of the cells, from the last to the 11th,
x 40 genes. There the count of gene g in cell c is

    max((c (g + 3)) mod (5 + g mod 7) - 2, 0)

and obsm has X_pca, whose dimension k of cell c is cos(0.1 (c + 1) (k + 1)).
Needs h5py and anndata.

    python3 make-tiny.py   # in this folder
"""
import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata.experimental import write_elem

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


def write_h5mu(path):
    """The layout of mudata: an AnnData for each modality, and tables of all."""
    of_rna = np.arange(N_CELLS)[:9:-1]
    gene = np.arange(40)
    rna = np.maximum(of_rna[:, None] * (gene + 3) % (5 + gene % 7) - 2, 0)
    obs = pd.DataFrame({"batch": pd.Categorical([f"donor{1 + c % 2}"
                                                 for c in range(N_CELLS)])},
                       index=cells)
    parts = {
        "atac": anndata.AnnData(matrix.astype(np.float32), obs=obs,
                                var=pd.DataFrame(index=peaks),
                                dtype=np.float32),
        "rna": anndata.AnnData(
            sp.csr_matrix(rna.astype(np.float32)),
            obs=pd.DataFrame({"batch": obs.batch.iloc[of_rna],
                              "n_genes": (rna > 0).sum(axis=1)}),
            var=pd.DataFrame(index=[f"gene{g}" for g in gene]),
            obsm={"X_pca": np.cos(0.1 * (of_rna[:, None] + 1) * (1 + np.arange(5)))},
            dtype=np.float32),
    }
    # Prefixed columns, NA where a modality lacks the cell.
    joined = pd.concat([part.obs.add_prefix(f"{name}:")
                        for name, part in parts.items()], axis=1)
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["encoding-type"] = "MuData"
        file.attrs["encoding-version"] = "0.1.0"
        file.attrs["axis"] = 0
        write_elem(file, "obs", joined.loc[cells])
        write_elem(file, "var",
                   pd.concat([part.var for part in parts.values()]))
        for name, part in parts.items():
            write_elem(file, f"obsm/{name}", np.isin(cells, part.obs_names))
            write_elem(file, f"mod/{name}", part,
                       dataset_kwargs=dict(compression="gzip"))
        file["mod"].attrs["mod-order"] = list(parts)


write_tenx("tiny-10x.h5")
write_h5ad("tiny.h5ad")
write_h5mu("tiny.h5mu")
