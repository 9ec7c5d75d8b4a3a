"""Tells from libFuzzer's logs how often each target ran, and whether it still found something new at the end.

    fuzzed.py --count LOG
    fuzzed.py DIRECTORY DOCUMENT|'' TARGET…
"""

import re
import sys
from pathlib import Path

from figures import record


def steps(log):
    """Executions so far and the coverage then, across the runs in one log."""
    found, before, last = [], 0, 0
    for line in Path(log).read_text(encoding="utf-8", errors="replace").splitlines():
        step = re.match(r"#(\d+)\s.*?cov: (\d+)", line)
        if not step:
            continue
        number, coverage = int(step.group(1)), int(step.group(2))
        # Another run began.
        if number < last:
            before += last
        last = number
        found.append((before + number, coverage))
    return found


def row(target, log):
    found = steps(log)
    if not found:
        return f"| {target} | not run | | | |"
    total = found[-1][0]
    end = max(coverage for _, coverage in found)
    then = max((coverage for number, coverage in found if number <= total * 2 / 3), default=0)
    return f"| {target} | {total:,} | {then} | {end} | {end - then} |".replace(",", " ")


def main():
    if sys.argv[1] == "--count":
        found = steps(sys.argv[2])
        print(found[-1][0] if found else 0)
        return
    directory, document, *targets = sys.argv[1:]
    lines = ["| fuzz target | executions | coverage after two thirds | at the end | new in the last third |", "|---|--:|--:|--:|--:|"]
    lines += [row(target, Path(directory) / f"{target}.long.log") for target in targets if (Path(directory) / f"{target}.long.log").exists()]
    print("\n".join(lines))
    if document:
        record(Path(document), "fuzz", lines)


main()
