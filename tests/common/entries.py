"""What the common tests know about a public name: how to call it, and what kinds its parameters are."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import clone

from tests.common.kinds import Array, Jobs, Kind, RandomState

DATA_METHODS = ("predict", "transform", "predict_proba", "decision_function", "score_samples")


@dataclass(kw_only=True)
class Entry(ABC):
    """One public name.

    Attributes
    ----------
    parameters : mapping from every parameter of the signature to its Kind
    arguments : function that returns the keyword arguments of a small valid call; arrays among them hold small
        integers, so that every numeric type can represent them
    large_arguments : the same with enough work for several chunks of the scheduler, where there is one
    tolerance, tolerance_32 : how far results for other memory layouts, and for float32, may be off, relative to the
        largest entry
    about_rounding : names of results that measure rounding errors and so differ between layouts
    refused_layouts : layouts of test_layouts.py that the specification refuses
    is_measurement : whether it takes seconds and returns timings, so that only bad input is tried
    prints : whether printing is what it is for
    """

    parameters: Mapping[str, Kind]
    arguments: Callable[[], dict] = dict
    large_arguments: Callable[[], dict] | None = None
    tolerance: float = 1e-10
    tolerance_32: float = 1e-3
    about_rounding: tuple = ()
    refused_layouts: tuple = ()
    is_measurement: bool = False
    prints: bool = False
    name: str = field(default="", init=False)
    public: object = field(default=None, init=False)

    def bind(self, name, public):
        """Tell the entry which public object it is about."""
        self.name, self.public = name, public
        return self

    @property
    def threads(self):
        """Name of the parameter that sets the number of threads, or None."""
        return next((name for name, kind in self.parameters.items() if isinstance(kind, Jobs)), None)

    @property
    def is_random(self):
        return any(isinstance(kind, RandomState) for kind in self.parameters.values())

    @property
    def arrays(self):
        """Names of the parameters that are arrays."""
        return [name for name, kind in self.parameters.items() if isinstance(kind, Array)]

    def signature(self):
        """Return the parameters of the public object's signature."""
        return [
            name
            for name, parameter in inspect.signature(self.public).parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD
        ]

    @abstractmethod
    def call(self, arguments):
        """Call the public object with ``arguments``, as a user would."""

    @abstractmethod
    def compute(self, arguments, **options):
        """Return all numerical results of one use, for comparisons."""

    def random_option(self):
        """Return the options that fix the random numbers."""
        return {name: 0 for name, kind in self.parameters.items() if isinstance(kind, RandomState)}


@dataclass(kw_only=True)
class FunctionEntry(Entry):
    """A function of arrays and options; ``collect`` turns what it returns into what is compared."""

    collect: Callable | None = None

    def call(self, arguments):
        return self.public(**arguments)

    def compute(self, arguments, **options):
        value = self.public(**{**self.random_option(), **arguments, **options})
        return value if self.collect is None else self.collect(value)


@dataclass(kw_only=True)
class DatasetEntry(FunctionEntry):
    """A generator or loader; ``needs`` names the file below SPARSESCI_DATA that it reads."""

    needs: str | None = None


@dataclass(kw_only=True)
class OperatorEntry(Entry):
    """A sketching operator class: the parameters of its constructor, and its use on a matrix.

    ``arguments`` give ``A`` besides the constructor's parameters; ``serial`` says that ``n_jobs`` has no effect on a
    matrix without structure.
    """

    serial: bool = False

    def call(self, arguments):
        return self.make(arguments).sketch(arguments["A"])

    def make(self, arguments, **options):
        """Return the operator of a call."""
        arguments = {**self.random_option(), **arguments, **options}
        return self.public(**{name: value for name, value in arguments.items() if name != "A"})

    def compute(self, arguments, n_jobs=None, **options):
        operator, A = self.make(arguments, **options), arguments["A"]
        dtype = np.asarray(A).dtype
        total = np.zeros((operator.shape[0], np.shape(A)[1]), dtype=dtype if dtype.name == "float32" else np.float64)
        return {
            "sketch": operator.sketch(A, n_jobs=n_jobs),
            "accumulated": operator.accumulate(A, total, n_jobs=n_jobs),
            "adjoint": operator.rmatvec(np.linspace(-1, 1, operator.shape[0])),
            "key": int(operator.key),
        }

    @property
    def threads(self):
        return None if self.serial else "n_jobs"


@dataclass(kw_only=True)
class EstimatorEntry(Entry):
    """An estimator: ``make`` returns a small one with a fixed random_state.

    Attributes
    ----------
    samples_by_features : whether scikit-learn's own checks apply
    grid : a parameter grid for model selection
    fit : name of the method that learns ("fit", or "fit_resample" for row samplers)
    method_arguments : for each public method that needs more than X and y, a function from the entry to its keyword
        arguments
    for_sklearn : estimators for scikit-learn's checks; by default the one of ``make``
    """

    make: Callable[[], object]
    grid: Mapping[str, list]
    samples_by_features: bool = True
    fit: str = "fit"
    method_arguments: Mapping[str, Callable] = field(default_factory=dict)
    for_sklearn: Callable[[], list] | None = None

    def call(self, arguments):
        arguments = dict(arguments)
        data = {name: arguments.pop(name) for name in ("X", "y") if name in arguments}
        return self.learn(self.make().set_params(**arguments), data)

    def learn(self, estimator, data, method=None):
        """Call the learning method of ``estimator`` with X and y."""
        return getattr(estimator, method or self.fit)(**data)

    def compute(self, arguments, **options):
        estimator = self.make().set_params(**options)
        self.learn(estimator, arguments)
        return self.outputs(estimator, arguments)

    def outputs(self, estimator, arguments):
        """Return the learned numbers and what the estimator says about the data."""
        names = [name for name in dir(estimator) if name.endswith("_") and not name.startswith("_")]
        attributes = {name: getattr(estimator, name) for name in names}
        learned = {name: value for name, value in attributes.items() if is_numerical(value)}
        for method in DATA_METHODS:
            if hasattr(estimator, method):
                learned[method] = getattr(estimator, method)(arguments["X"])
        return learned

    @property
    def streams(self):
        return hasattr(self.public, "partial_fit")

    def fitted(self):
        """Return a fitted estimator and its data."""
        data = self.arguments()
        return self.learn(clone(self.make()), data), data


def is_numerical(value):
    """Return whether a learned attribute is compared: arrays, numbers, words, and lists of numbers."""
    if isinstance(value, (list, tuple)):
        return all(is_numerical(item) for item in value)
    return value is None or isinstance(value, (np.ndarray, np.generic, int, float, complex, str))


@dataclass(kw_only=True)
class DisplayEntry(Entry):
    """A plot of an estimator: ``estimator`` returns a fitted one, ``parameters`` are those of ``from_estimator``."""

    estimator: Callable[[], object]

    def signature(self):
        skipped = {"estimator", "ax", "kwargs"}
        return [name for name in inspect.signature(self.public.from_estimator).parameters if name not in skipped]

    def call(self, arguments):
        from matplotlib.figure import Figure

        return self.public.from_estimator(self.estimator(), **{"ax": Figure().subplots(), **arguments})

    def compute(self, arguments, **options):
        display = self.call({**arguments, **options})
        return {name: value for name, value in vars(display).items() if is_numerical(value)}


@dataclass(kw_only=True)
class WarningEntry(Entry):
    """A class of warnings."""

    parameters: Mapping[str, Kind] = field(default_factory=dict)

    def signature(self):
        return []

    def call(self, arguments):
        return self.public("message", **arguments)

    def compute(self, arguments, **options):
        return str(self.public("message"))
