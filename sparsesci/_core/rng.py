"""Counter-based random numbers: the same bits for every thread count, chunk size and device.

Every draw is a pure function of ``(key, stream, counter)``: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel
random numbers: as easy as 1, 2, 3", SC 2011) of the 128-bit counter (counter, stream) under the 64-bit key. The scalar
functions are plain ``@njit`` functions that CPU kernels and CUDA kernels call alike. They use integer arithmetic and
exact conversions only, so that no compiler and no device can round them differently.

Streams are numbered by their users: a method gives each of its purposes a constant, and where a purpose needs a
second index it uses ``stream_of(purpose, index)``.
"""

from pathlib import Path

import numpy as np
from numba import njit, uint32, uint64
from sklearn.utils import check_random_state

from sparsesci._core.threads import run_ranges

_MULTIPLIER_0 = 0xD2511F53
_MULTIPLIER_1 = 0xCD9E8D57
_WEYL_0 = 0x9E3779B9
_WEYL_1 = 0xBB67AE85
_TWO_POW_MINUS_53 = 1.0 / 9007199254740992.0
_TWO_POW_MINUS_40 = 1.0 / 1099511627776.0
_NORMAL_TABLE = np.load(Path(__file__).with_name("normal_table.npy"))
_FILL_CHUNK = 1 << 16
_WORDS = 1024


def key_from_random_state(random_state):
    """Return the 64-bit key that ``random_state`` stands for.

    Parameters
    ----------
    random_state : int, RandomState instance, Generator or None
        As in scikit-learn: an int gives the same key at every call, an instance is advanced, None draws from NumPy's
        global state. A ``numpy.random.Generator`` is advanced too.

    Returns
    -------
    key : numpy.uint64

    Raises
    ------
    ValueError
        If ``random_state`` is none of these.
    """
    if isinstance(random_state, np.random.Generator):
        return random_state.integers(0, 2**64, dtype=np.uint64)
    try:
        source = check_random_state(random_state)
    except (ValueError, TypeError) as error:
        raise ValueError(
            "random_state must be None, an int in [0, 2**32), a numpy.random.RandomState or a "
            f"numpy.random.Generator; got {random_state!r}"
        ) from error
    low, high = source.randint(0, 2**32, size=2, dtype=np.uint64)
    return np.uint64(low) | (np.uint64(high) << np.uint64(32))


# Inlined before typing, with 64-bit arithmetic and masks throughout: loops over counters then become vector code.
@njit(inline="always")
def _philox_rounds(c0, c1, c2, c3, k0, k1):
    mask, shift = uint64(0xFFFFFFFF), uint64(32)
    c0, c1, c2, c3 = uint64(c0) & mask, uint64(c1) & mask, uint64(c2) & mask, uint64(c3) & mask
    k0, k1 = uint64(k0) & mask, uint64(k1) & mask
    for _ in range(10):
        product_0 = uint64(_MULTIPLIER_0) * c0
        product_1 = uint64(_MULTIPLIER_1) * c2
        c0 = (product_1 >> shift) ^ c1 ^ k0
        c1 = product_1 & mask
        c2 = (product_0 >> shift) ^ c3 ^ k1
        c3 = product_0 & mask
        k0 = (k0 + uint64(_WEYL_0)) & mask
        k1 = (k1 + uint64(_WEYL_1)) & mask
    return c0, c1, c2, c3


@njit(cache=True)
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Return the four 32-bit words of Philox4x32-10 for counter (c0, c1, c2, c3) and key (k0, k1)."""
    w0, w1, w2, w3 = _philox_rounds(c0, c1, c2, c3, k0, k1)
    return uint32(w0), uint32(w1), uint32(w2), uint32(w3)


@njit(cache=True)
def random_words(key, stream, counter):
    """Return four independent uint32 words for ``(key, stream, counter)``."""
    key, stream, counter = uint64(key), uint64(stream), uint64(counter)
    shift = uint64(32)
    return philox4x32(counter, counter >> shift, stream, stream >> shift, key, key >> shift)


@njit(nogil=True, cache=True)
def fill_words(key, stream, first, out, n_blocks):
    """Write the words of counters ``first`` ... ``first + n_blocks - 1`` to out[: 4 * n_blocks], a uint32 array."""
    shift = uint64(32)
    key, stream, first = uint64(key), uint64(stream), uint64(first)
    for i in range(n_blocks):
        counter = first + uint64(i)
        w0, w1, w2, w3 = _philox_rounds(counter, counter >> shift, stream, stream >> shift, key, key >> shift)
        out[4 * i] = w0
        out[4 * i + 1] = w1
        out[4 * i + 2] = w2
        out[4 * i + 3] = w3


@njit(cache=True)
def stream_of(purpose, index):
    """Return the stream of the ``index``-th (< 2**48) use of ``purpose`` (< 2**16)."""
    return (uint64(purpose) << uint64(48)) | uint64(index)


@njit(cache=True)
def select_word(words, which):
    """Return ``words[which]`` for a tuple of four words and ``which`` known at run time only."""
    first = words[1] if which & uint64(1) else words[0]
    second = words[3] if which & uint64(1) else words[2]
    return second if which & uint64(2) else first


@njit(cache=True)
def uniform_from_words(high, low):
    """Return a float64 in [0, 1), a multiple of 2**-53, from two uint32 words."""
    bits = (uint64(high) >> uint64(5)) * uint64(67108864) + (uint64(low) >> uint64(6))
    return np.float64(np.int64(bits)) * _TWO_POW_MINUS_53


@njit(cache=True)
def index_from_words(high, low, bound):
    """Return floor(bound * u) for the 64-bit fraction u = (high, low); ``bound`` < 2**63.

    The probabilities of two indices differ by at most 2**-64.
    """
    bound = uint64(bound)
    mask, shift = uint64(0xFFFFFFFF), uint64(32)
    bound_low, bound_high = bound & mask, bound >> shift
    high, low = uint64(high), uint64(low)
    # The upper half of the 128-bit product, by schoolbook multiplication.
    middle = high * bound_low + ((low * bound_low) >> shift)
    cross = low * bound_high + (middle & mask)
    return np.int64(high * bound_high + (middle >> shift) + (cross >> shift))


@njit(cache=True)
def normal_from_word(word):
    """Return a standard normal float64 from one uint32 word, by inversion in fixed point.

    The lowest bit is the sign, the others a tail probability that is an odd multiple of 2**-33: |z| lies between
    2.9e-10 and 6.34, and the quantile is accurate to 1e-11.
    """
    odd = uint64(word) | uint64(1)
    octave = uint64(0)
    shifted = odd
    for power in (16, 8, 4, 2, 1):
        step = uint64(power)
        if shifted >> step:
            shifted >>= step
            octave += step
    aligned = odd << (uint64(31) - octave)
    segment = (octave << uint64(4)) | ((aligned >> uint64(27)) & uint64(15))
    remainder = np.int64(aligned & uint64(0x7FFFFFF)) - np.int64(67108864)
    z = _NORMAL_TABLE[segment, 5]
    for degree in range(4, -1, -1):
        z = _NORMAL_TABLE[segment, degree] + ((z * remainder) >> np.int64(27))
    value = np.float64(z) * _TWO_POW_MINUS_40
    return -value if uint64(word) & uint64(1) else value


@njit(cache=True)
def uniform(key, stream, counter):
    """Return the ``counter``-th uniform float64 in [0, 1) of the stream."""
    words = random_words(key, stream, uint64(counter) >> uint64(1))
    if uint64(counter) & uint64(1):
        return uniform_from_words(words[2], words[3])
    return uniform_from_words(words[0], words[1])


@njit(cache=True)
def normal(key, stream, counter):
    """Return the ``counter``-th standard normal float64 of the stream."""
    words = random_words(key, stream, uint64(counter) >> uint64(2))
    return normal_from_word(select_word(words, uint64(counter) & uint64(3)))


@njit(cache=True)
def sign(key, stream, counter):
    """Return the ``counter``-th random sign of the stream, +1.0 or -1.0."""
    counter = uint64(counter)
    words = random_words(key, stream, counter >> uint64(7))
    word = select_word(words, (counter >> uint64(5)) & uint64(3))
    return 1.0 - 2.0 * np.float64(np.int64((uint64(word) >> (counter & uint64(31))) & uint64(1)))


@njit(cache=True)
def index(key, stream, counter, bound):
    """Return the ``counter``-th random integer in [0, bound) of the stream."""
    words = random_words(key, stream, uint64(counter) >> uint64(1))
    if uint64(counter) & uint64(1):
        return index_from_words(words[2], words[3], bound)
    return index_from_words(words[0], words[1], bound)


@njit(nogil=True, cache=True)
def _fill_uniform(key, stream, first, out, start, stop):
    words = np.empty(_WORDS, dtype=np.uint32)
    for begin in range(start, stop, _WORDS // 2 - 1):
        count = min(_WORDS // 2 - 1, stop - begin)
        counter = first + uint64(begin)
        fill_words(key, stream, counter >> uint64(1), words, (count + 2) // 2)
        odd = np.int64(counter & uint64(1))
        for i in range(count):
            out[begin + i] = uniform_from_words(words[2 * (i + odd)], words[2 * (i + odd) + 1])


@njit(nogil=True, cache=True)
def _fill_normal(key, stream, first, out, start, stop):
    words = np.empty(_WORDS, dtype=np.uint32)
    for begin in range(start, stop, _WORDS - 3):
        count = min(_WORDS - 3, stop - begin)
        counter = first + uint64(begin)
        skipped = np.int64(counter & uint64(3))
        fill_words(key, stream, counter >> uint64(2), words, (skipped + count + 3) // 4)
        for i in range(count):
            out[begin + i] = normal_from_word(words[skipped + i])


@njit(nogil=True, cache=True)
def fill_signs(key, stream, first, out, start, stop):
    """Write draws ``first + start`` ... ``first + stop - 1`` of ``sign`` to out[start:stop], as +1 and -1."""
    i = start
    while i < stop:
        counter = first + uint64(i)
        word = select_word(random_words(key, stream, counter >> uint64(7)), (counter >> uint64(5)) & uint64(3))
        for bit in range(counter & uint64(31), min(uint64(32), (counter & uint64(31)) + stop - i)):
            out[i] = 1 - 2 * np.int64((uint64(word) >> uint64(bit)) & uint64(1))
            i += 1


@njit(nogil=True, cache=True)
def _fill_index(key, stream, first, bound, out, start, stop):
    for i in range(start, stop):
        out[i] = index(key, stream, first + uint64(i), bound)


def _fill(kernel, key, stream, first, size, dtype, n_jobs, *args):
    out = np.empty(size, dtype=dtype)
    key, stream, first = np.uint64(key), np.uint64(stream), np.uint64(first)

    def task(start, stop):
        kernel(key, stream, first, *args, out, start, stop)

    run_ranges(task, size, _FILL_CHUNK, n_jobs)
    return out


def uniforms(key, stream, size, *, first=0, n_jobs=None):
    """Return draws ``first`` ... ``first + size - 1`` of ``uniform(key, stream, .)`` as float64 (size,)."""
    return _fill(_fill_uniform, key, stream, first, size, np.float64, n_jobs)


def normals(key, stream, size, *, first=0, n_jobs=None):
    """Return draws ``first`` ... ``first + size - 1`` of ``normal(key, stream, .)`` as float64 (size,)."""
    return _fill(_fill_normal, key, stream, first, size, np.float64, n_jobs)


def signs(key, stream, size, *, first=0, n_jobs=None, dtype=np.int8):
    """Return draws ``first`` ... ``first + size - 1`` of ``sign(key, stream, .)`` as ``dtype`` (size,)."""
    return _fill(fill_signs, key, stream, first, size, dtype, n_jobs)


def indices(key, stream, size, bound, *, first=0, n_jobs=None):
    """Return draws ``first`` ... ``first + size - 1`` of ``index(key, stream, ., bound)`` as int64 (size,)."""
    return _fill(_fill_index, key, stream, first, size, np.int64, n_jobs, np.uint64(bound))


def sample_without_replacement(key, stream, population, size):
    """Return ``size`` distinct integers from [0, population), sorted, every subset equally likely.

    Floyd's algorithm: O(size) draws and memory whatever the population.
    """
    chosen = set()
    bounds = range(population - size + 1, population + 1)
    for counter, bound in enumerate(bounds):
        drawn = int(_index_call(key, stream, counter, bound))
        chosen.add(bound - 1 if drawn in chosen else drawn)
    return np.array(sorted(chosen), dtype=np.int64)


def _index_call(key, stream, counter, bound):
    return index(np.uint64(key), np.uint64(stream), np.uint64(counter), np.uint64(bound))
