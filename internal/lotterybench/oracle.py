"""Leximin by column generation on SciPy's HiGHS, written for comparison only.

Reads an instance from stdin (JSON: seats, rows of [members, lo, hi], people),
writes {"chances": [...], "seconds": ...}. Person by person: it knows no types,
no relaxation and no fast route. Every level is a linear program over the
cohorts found so far; milp looks for a cohort that the duals value more.
"""
import json
import sys
import time

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_matrix


def main():
    data = json.load(sys.stdin)
    n, seats = data["people"], data["seats"]
    rows, cols, lo, hi = [], [], [seats], [seats]
    rows += [0] * n
    cols += list(range(n))
    for r, (members, least, most) in enumerate(data["rows"]):
        rows += [r + 1] * len(members)
        cols += members
        lo.append(least)
        hi.append(most)
    a = csr_matrix((np.ones(len(rows)), (rows, cols)), shape=(len(lo), n))
    rules = LinearConstraint(a, lo, hi)
    start = time.process_time()

    def best(weight, forced=None):
        box = Bounds(np.zeros(n), np.ones(n))
        if forced is not None:
            box.lb[forced] = 1
        res = milp(-weight, constraints=rules, integrality=np.ones(n), bounds=box,
                   options={"mip_rel_gap": 0})
        return None if res.x is None else np.round(res.x)

    pool = []
    covered = np.zeros(n, bool)
    out = np.zeros(n, bool)
    for i in range(n):
        if covered[i]:
            continue
        c = best(np.where(covered, 0.0, 1.0), i)
        if c is None:
            out[i] = True
            continue
        pool.append(c)
        covered |= c > 0.5
    if not pool:
        json.dump({"infeasible": True}, sys.stdout)
        return

    level = np.where(out, 0.0, np.nan)
    while np.isnan(level).any():
        open_ = np.isnan(level)
        while True:
            m = np.array(pool).T  # people by cohorts
            # max z: -m·λ + z·open ≤ -level(held), Σλ = 1
            ub = np.hstack([-m, open_[:, None].astype(float)])
            rhs = np.where(open_, 0.0, -np.nan_to_num(level) + 1e-10)
            cost = np.zeros(m.shape[1] + 1)
            cost[-1] = -1
            res = linprog(cost, A_ub=ub, b_ub=rhs,
                          A_eq=[[1.0] * m.shape[1] + [0.0]], b_eq=[1.0],
                          bounds=[(0, None)] * m.shape[1] + [(0, 1)], method="highs")
            if res.status != 0:
                raise SystemExit("master: " + res.message)
            y = -res.ineqlin.marginals
            worth = res.eqlin.marginals[0]
            c = best(y)
            if c @ y <= -worth + 1e-8:
                break
            pool.append(c)
        z = res.x[-1]
        held = open_ & (y > 1e-6)
        if z > 1 - 1e-9:
            held = open_
        if not held.any():
            raise SystemExit("no progress at level %g" % z)
        level[held] = z
    json.dump({"chances": list(level), "cohorts": len(pool),
               "seconds": time.process_time() - start}, sys.stdout)


main()
