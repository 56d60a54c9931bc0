"""Recursive least squares with forgetting, in plain Python: eight unknowns a unit, updated once in five minutes."""

import msgspec

START = 100.0
"""Variance of each unknown before anything is known, K²."""


class Rls(msgspec.Struct):
    """Weights of a linear model and their covariance, row by row (Ljung, "System Identification", section 11.2)."""

    weights: list[float]
    covariance: list[list[float]]

    @classmethod
    def of(cls, unknowns: int) -> "Rls":
        rows = [[START if row == column else 0.0 for column in range(unknowns)] for row in range(unknowns)]
        return cls([0.0] * unknowns, rows)

    def predict(self, inputs: list[float]) -> float:
        return sum(map(float.__mul__, self.weights, inputs))

    def learn(self, inputs: list[float], error: float, forgetting: float) -> None:
        """Correct the weights by the ``error`` of a prediction; older samples count ``forgetting`` times as much with
        each new one. Where the inputs stand still nothing is forgotten, or the covariance would grow without end."""
        rows = self.covariance
        gain = [sum(map(float.__mul__, row, inputs)) for row in rows]
        divisor = forgetting + sum(map(float.__mul__, gain, inputs))
        self.weights = [weight + each / divisor * error for weight, each in zip(self.weights, gain, strict=True)]
        grow = 1.0 / forgetting if max(row[index] for index, row in enumerate(rows)) < START else 1.0
        for row, each in zip(rows, gain, strict=True):
            part = each / divisor
            row[:] = [(cell - part * other) * grow for cell, other in zip(row, gain, strict=True)]
