"""What is normal for one figure of one unit: mean, spread, and how much one sample says about the next."""

import math

import msgspec

CLIP_SIGMAS = 3.0
CLIP_FROM = 12
"""Once so many samples are known, one that is far off is learnt from as if it were ``CLIP_SIGMAS`` off."""


class Gauge(msgspec.Struct):
    """Exponentially weighted moments; equal weights until ``memory`` samples are known. ``floor`` is the least standard
    deviation that is believed, in the figure's unit: quantisation and sensor noise leave no less."""

    memory: float
    floor: float
    count: int = 0
    mean: float = 0.0
    variance: float = 0.0
    beside: float = 0.0
    last: float = 0.0

    @property
    def sigma(self) -> float:
        return max(math.sqrt(self.variance), self.floor)

    def z(self, sample: float) -> float:
        """How far off a sample is, in standard deviations that make up for correlation: with a lag-one correlation r, n
        samples are worth n (1-r)/(1+r) independent ones."""
        r = min(max(self.beside / self.variance, 0.0), 0.8) if self.variance > 0.0 else 0.0
        return (sample - self.mean) / (self.sigma * math.sqrt((1.0 + r) / (1.0 - r)))

    def learn(self, sample: float) -> None:
        """Take a sample for a normal one."""
        self.count += 1
        off = sample - self.mean
        if self.count > CLIP_FROM:
            most = CLIP_SIGMAS * self.sigma
            off = most if off > most else -most if off < -most else off
        share = 1.0 / self.count if self.count < self.memory else 1.0 / self.memory
        self.mean += share * off
        self.variance = (1.0 - share) * (self.variance + share * off * off)
        self.beside = (1.0 - share) * (self.beside + share * off * self.last)
        self.last = off
