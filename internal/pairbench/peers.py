"""Solves an assignment with scipy and prints one JSON line.

usage: peers.py dense|sparse FILE

dense: int32 n, then n * n int32 scores, maximized by linear_sum_assignment.
sparse: int32 rows, columns, seats, pairs, then (row, column, score) of each pair,
maximized over full matchings of the rows by min_weight_full_bipartite_matching,
each column repeated once for each of its seats.

CPU seconds of solving only; reading and building the matrix are not counted.
"""

import json
import sys
import time

import numpy as np
import scipy
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

kind, path = sys.argv[1:3]
data = np.fromfile(path, dtype=np.int32)
if kind == "dense":
    n = int(data[0])
    scores = data[1:].reshape(n, n).astype(np.float64)
    start = time.process_time()
    rows, columns = linear_sum_assignment(scores, maximize=True)
    seconds = time.process_time() - start
    total = int(scores[rows, columns].sum())
else:
    rows, columns, seats, pairs = (int(x) for x in data[:4])
    triples = data[4:].reshape(pairs, 3)
    r = np.repeat(triples[:, 0], seats)
    c = np.repeat(triples[:, 1], seats) * seats + np.tile(np.arange(seats), pairs)
    # Zero weights would be no pairs: one point more for each.
    w = np.repeat(triples[:, 2] + 1, seats).astype(np.float64)
    matrix = csr_matrix((w, (r, c)), shape=(rows, columns * seats))
    start = time.process_time()
    a, b = min_weight_full_bipartite_matching(matrix, maximize=True)
    seconds = time.process_time() - start
    total = int(matrix[a, b].sum()) - rows
print(json.dumps({"seconds": seconds, "total": total, "version": "scipy " + scipy.__version__}))
