"""Vectors of one length as a column of a table."""

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor


def vector_column(vectors: Tensor) -> pa.Array:
    """(P, width) as a column of lists, in the precision that it has."""
    flat = pa.array(np.ascontiguousarray(vectors.numpy()).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def vectors_of(table: pa.Table, name: str) -> Tensor:
    """(P, width) float32, from such a column."""
    column = table[name].combine_chunks()
    values = np.array(column.flatten().to_numpy(zero_copy_only=False), np.float32)
    return torch.from_numpy(values).view(len(table), column.type.list_size)
