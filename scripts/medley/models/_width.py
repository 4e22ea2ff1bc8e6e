"""Networks with fewer channels, for small runs."""


def narrow(channels: int, width: float, step: int = 8) -> int:
    """Return ``channels`` scaled by ``width``, a multiple of ``step``."""
    return max(step, round(channels * width / step) * step)
