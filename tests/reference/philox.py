"""Philox4x32-10 and the draws made from it, in plain Python integers.

Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from fractions import Fraction

from scipy.special import ndtri

_MASK = 0xFFFFFFFF


def philox4x32(counter, key):
    """Return the four words of ten rounds for a 4-tuple ``counter`` and a 2-tuple ``key``."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            (second >> 32) ^ c1 ^ k0,
            second & _MASK,
            (first >> 32) ^ c3 ^ k1,
            first & _MASK,
        )
        k0, k1 = (k0 + 0x9E3779B9) & _MASK, (k1 + 0xBB67AE85) & _MASK
    return c0, c1, c2, c3


def random_words(key, stream, counter):
    """Return the four words of the 128-bit counter (counter, stream) under the 64-bit key."""
    return philox4x32((counter & _MASK, counter >> 32, stream & _MASK, stream >> 32), (key & _MASK, key >> 32))


def _fraction(key, stream, counter):
    """Return the ``counter``-th 64-bit integer: two of them in each four words."""
    words = random_words(key, stream, counter // 2)
    high, low = words[2 * (counter % 2) : 2 * (counter % 2) + 2]
    return (high << 32) | low


def uniform(key, stream, counter):
    """Return a float in [0, 1): the upper 53 of 64 random bits (27 and 26 of the two words)."""
    bits = _fraction(key, stream, counter)
    return ((bits >> 37) * 2**26 + ((bits & _MASK) >> 6)) / 2**53


def index(key, stream, counter, bound):
    """Return floor(bound * u) for a 64-bit fraction u."""
    return int(Fraction(_fraction(key, stream, counter) * bound, 2**64))


def sign(key, stream, counter):
    """Return +1 or -1: one bit each, 128 in each four words."""
    word = random_words(key, stream, counter // 128)[counter // 32 % 4]
    return 1 - 2 * (word >> (counter % 32) & 1)


def normal(key, stream, counter):
    """Return the normal quantile of an odd multiple of 2**-33, negative where the last bit is 1."""
    word = random_words(key, stream, counter // 4)[counter % 4]
    magnitude = -ndtri((word | 1) / 2**33)
    return -magnitude if word & 1 else magnitude
