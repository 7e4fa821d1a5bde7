"""Small calls of every launcher, and signatures of every CUDA kernel: what the twin tests need to know.

They stand in ``tests/twins/registered/``: a launcher of a ``_*_cuda.py`` module without a case, or a kernel without a
signature, fails the tests.
"""

import importlib
import pkgutil

from tests.twins import registered

CASES, DEVICE_ONLY, SIGNATURES = {}, {}, {}

for _found in pkgutil.iter_modules(registered.__path__):
    _module = importlib.import_module(f"{registered.__name__}.{_found.name}")
    CASES |= _module.CASES
    DEVICE_ONLY |= _module.DEVICE_ONLY
    SIGNATURES |= _module.SIGNATURES
