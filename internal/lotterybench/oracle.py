"""Leximin by column generation on SciPy's HiGHS, written for comparison only.

Reads an instance from stdin (JSON: people, seats, rows of members, min, max,
priority and weight, and what is allowed by priority), writes {"deviation": [...],
"chances": [...], "seconds": ...}. Person by person: it knows no types, no
relaxation and no fast route. The least deviation of each priority is an integer
program of its own. Then every level is a linear program over the cohorts found
so far; milp looks for a cohort that the duals value more.
"""
import json
import sys
import time

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_matrix


def main():
    data = json.load(sys.stdin)
    n = data["people"]
    targets = [r for r in data["rows"] if r["priority"] > 0]
    # Columns: the people, then what each target is short and over.
    columns = n + 2 * len(targets)
    rows, cols, values, lo, hi = [], [], [], [], []

    def add(entries, least, most):
        for column, value in entries:
            rows.append(len(lo))
            cols.append(column)
            values.append(value)
        lo.append(least)
        hi.append(most)

    add([(i, 1) for i in range(n)], data["seats"], data["seats"])
    seen = 0
    for r in data["rows"]:
        entries = [(i, 1) for i in r["members"]]
        if r["priority"] > 0:
            entries += [(n + 2 * seen, 1), (n + 2 * seen + 1, -1)]
            seen += 1
        add(entries, r["min"], r["max"])
    start = time.process_time()

    def solve(cost, forced=None):
        box = Bounds(np.zeros(columns), np.concatenate([np.ones(n), np.full(columns - n, np.inf)]))
        if forced is not None:
            box.lb[forced] = 1
        a = csr_matrix((values, (rows, cols)), shape=(len(lo), columns))
        # What is short and over is whole when the people are.
        whole = np.concatenate([np.ones(n), np.zeros(columns - n)])
        res = milp(cost, constraints=LinearConstraint(a, lo, hi), integrality=whole, bounds=box,
                   options={"mip_rel_gap": 0})
        if res.status not in (0, 2):
            raise SystemExit("milp: " + res.message)
        return None if res.x is None else np.round(res.x)

    deviation = []
    for priority in sorted({r["priority"] for r in targets}):
        cost = np.zeros(columns)
        for k, r in enumerate(targets):
            if r["priority"] == priority:
                cost[n + 2 * k:n + 2 * k + 2] = r["weight"]
        x = solve(cost)
        if x is None:
            break
        deviation.append(int(round(cost @ x)))
        allowed = (data["allow"] or {}).get(str(priority), 0)
        add([(j, cost[j]) for j in np.flatnonzero(cost)], 0, deviation[-1] + allowed)

    def best(weight, forced=None):
        x = solve(np.concatenate([-weight, np.zeros(columns - n)]), forced)
        return None if x is None else x[:n]

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
    json.dump({"deviation": deviation, "chances": list(level), "cohorts": len(pool),
               "seconds": time.process_time() - start}, sys.stdout)


main()
