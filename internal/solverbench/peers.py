"""Solves MPS files with another solver and prints one JSON line for each.

usage: peers.py highspy|scipy|cbc LIMIT FILE...

CPU seconds of solving only (reading the file is not counted), one thread, gap
0, LIMIT seconds of CPU each. HiGHS limits the time on the clock: on a busy
machine a run that ended too early is repeated with more of it. For CBC, a
program of its own, the CPU of a run that only reads the file is subtracted from
that of the run that solves it.
"""

import json
import re
import resource
import subprocess
import sys
import tempfile
import time


def highspy_model(path):
    import highspy

    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.readModel(path)
    return highspy, h


def highspy_solve(path, limit):
    highspy, h = highspy_model(path)
    h.setOptionValue("threads", 1)
    h.setOptionValue("mip_rel_gap", 0.0)
    h.setOptionValue("mip_abs_gap", 0.0)
    h.setOptionValue("time_limit", limit)
    start = time.process_time()
    h.run()
    cpu = time.process_time() - start
    status = h.getModelStatus()
    name = {
        highspy.HighsModelStatus.kOptimal: "optimal",
        highspy.HighsModelStatus.kInfeasible: "infeasible",
        highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible",
    }.get(status, "unfinished")
    return name, h.getObjectiveValue() if name == "optimal" else None, cpu


def scipy_solve(path, limit):
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csc_matrix

    _, h = highspy_model(path)
    model = h.getLp()
    matrix = csc_matrix(
        (np.array(model.a_matrix_.value_), np.array(model.a_matrix_.index_), np.array(model.a_matrix_.start_)),
        shape=(model.num_row_, model.num_col_),
    )
    cost = np.array(model.col_cost_)
    rows = LinearConstraint(matrix, np.array(model.row_lower_), np.array(model.row_upper_))
    box = Bounds(np.array(model.col_lower_), np.array(model.col_upper_))
    whole = np.ones(len(cost))
    start = time.process_time()
    r = milp(cost, constraints=rows, bounds=box, integrality=whole, options={"mip_rel_gap": 0.0, "time_limit": limit})
    cpu = time.process_time() - start
    name = {0: "optimal", 2: "infeasible"}.get(r.status, "unfinished")
    return name, r.fun if name == "optimal" else None, cpu


def run_cbc(arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = subprocess.run(["cbc", *arguments], capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return text, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cbc_solve(path, limit):
    _, reading = run_cbc([path, "quit"])
    with tempfile.NamedTemporaryFile(suffix=".sol") as out:
        text, cpu = run_cbc(
            [path, "-threads", "0", "-ratioGap", "0", "-allowableGap", "0", "-sec", str(limit), "-solve", "-solu", out.name],
        )
        first = open(out.name).readline()
    cpu = max(cpu - reading, 1e-4)
    if first.startswith("Optimal"):
        return "optimal", float(re.search(r"objective value\s+(\S+)", first).group(1)), cpu
    if "infeasible" in first.lower() or "proven infeasible" in text:
        return "infeasible", None, cpu
    return "unfinished", None, cpu


def version(which):
    if which == "highspy":
        import highspy

        h = highspy.Highs()
        h.setOptionValue("output_flag", False)
        return "highspy " + h.version()
    if which == "scipy":
        import scipy

        try:  # the HiGHS inside; the module is private and may move
            from scipy.optimize._highspy import _core

            inside = " (HiGHS %d.%d.%d)" % (_core.HIGHS_VERSION_MAJOR, _core.HIGHS_VERSION_MINOR, _core.HIGHS_VERSION_PATCH)
        except (ImportError, AttributeError):
            inside = ""
        return "scipy " + scipy.__version__ + inside
    text = subprocess.run(["cbc", "-quit"], capture_output=True, text=True).stdout
    return "CBC " + re.search(r"Version:\s*(\S+)", text).group(1)


def main():
    which, limit, files = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    if not files:
        print(version(which))
        return
    solve = {"highspy": highspy_solve, "scipy": scipy_solve, "cbc": cbc_solve}[which]
    for path in files:
        clock = limit
        for _ in range(5):
            status, value, cpu = solve(path, clock)
            if which == "cbc" or status != "unfinished" or cpu >= 0.9 * limit:
                break
            clock *= min(10, 1.2 * limit / max(cpu, 0.1))
        if cpu > limit:
            status, value = "unfinished", None
        print(json.dumps({"file": path, "status": status, "value": value, "cpu": cpu}), flush=True)


if __name__ == "__main__":
    main()
