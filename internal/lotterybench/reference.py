"""Maximin by the sortition-algorithms package, for comparison only.

Reads an instance from stdin (JSON: seats, features as rows, people as rows),
writes {"smallest": ..., "seconds": ...}: CPU seconds of the search alone.
"""
import json
import os
import sys
import time

# What the solver prints is not the answer.
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from sortition_algorithms.committee_generation.maximin import find_distribution_maximin
from sortition_algorithms.features import read_in_features
from sortition_algorithms.people import read_in_people
from sortition_algorithms.settings import Settings


def main():
    data = json.load(sys.stdin)
    features, _, _ = read_in_features(["feature", "value", "min", "max"], data["features"], data["seats"])
    settings = Settings(id_column="id", columns_to_keep=[])
    people, _ = read_in_people(list(data["people"][0]), data["people"], features, settings)
    start = time.process_time()
    committees, chances, _ = find_distribution_maximin(features, people, data["seats"], [])
    seconds = time.process_time() - start
    of = {p["id"]: 0.0 for p in data["people"]}
    for committee, chance in zip(committees, chances):
        for person in committee:
            of[person] += chance
    json.dump({"smallest": float(min(of.values())), "seconds": seconds}, answer)
    answer.close()


main()
