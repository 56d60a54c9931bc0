"""Lines of numbers between blanks, as operations research hands its problems round."""

import math

from maillage.kernel.errors import Malformed


def number_lines(lines: list[str], first: int, columns: int) -> list[list[float]]:
    """The numbers of each line that is not blank; ``first`` is the number of the first line in its file. Malformed,
    naming the line, where there are not ``columns`` of them or one is not finite."""
    found = []
    for number, line in enumerate(lines, first):
        words = line.split()
        if not words:
            continue
        try:
            values = [float(word) for word in words]
        except ValueError:
            raise Malformed(f"line {number}: {line.strip()[:60]!r} is not {columns} numbers", line=number) from None
        if len(values) != columns or not all(map(math.isfinite, values)):
            raise Malformed(f"line {number}: {line.strip()[:60]!r} is not {columns} finite numbers", line=number)
        found.append(values)
    return found
