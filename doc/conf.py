"""Sphinx configuration. Nothing is fetched from the network while building."""

import inspect
import os
import re
from importlib import import_module

import sparsesci

# Numerical threads of the examples: one, so that the build takes the same time everywhere.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

project = "sparsesci"
copyright = "the sparsesci developers"
version = release = sparsesci.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "gen_modules", "auto_examples/*.ipynb"]
source_suffix = {".rst": "restructuredtext"}
default_role = "code"

# -- API pages -----------------------------------------------------------------------------


def documented_members(class_name):
    """Return the public methods and properties of a class that this package defines itself.

    Those inherited from SciPy and scikit-learn are left to the documentation of SciPy and
    scikit-learn, which their docstrings link to.
    """
    module, _, name = class_name.rpartition(".")
    owner = getattr(import_module(module), name)
    members = {"methods": [], "properties": []}
    for member in sorted(dir(owner)):
        definer = next((base for base in owner.__mro__ if member in vars(base)), None)
        if member.startswith("_") or definer is None:
            continue
        value = vars(definer)[member]
        if not definer.__module__.startswith("sparsesci."):
            continue
        if isinstance(value, property):
            members["properties"].append(member)
        elif inspect.isfunction(value):  # not the request methods that scikit-learn adds
            members["methods"].append(member)
    return members


def constructor_signature(app, what, name, obj, options, signature, return_annotation):
    """Show what ``__init__`` takes where a base class of SciPy hides it behind its ``__new__``."""
    if what != "class" or signature != "(*args, **kwargs)":
        return None
    parameters = list(inspect.signature(obj.__init__).parameters.values())[1:]
    return str(inspect.Signature(parameters)), return_annotation


def escape_shapes(app, what, name, obj, options, lines):
    """Keep names such as ``n_features_in_`` in shapes from being read as hyperlinks."""
    for i, line in enumerate(lines):
        if "`" not in line and ">>>" not in line:
            lines[i] = re.sub(r"(?<=[(, ])(\w+)_(?=[,)])", r"\1\\_", line)


def setup(app):
    app.connect("autodoc-process-signature", constructor_signature)
    app.connect("autodoc-process-docstring", escape_shapes, priority=900)  # after numpydoc


autosummary_generate = True
autosummary_context = {"documented_members": documented_members}
suppress_warnings = ["config.cache"]  # the function above cannot be pickled, and need not be
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# -- gallery -------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "gen_modules",
    "doc_module": ("sparsesci",),
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "matplotlib_animations": False,
    "image_srcset": ["2x"],
}

# -- HTML ----------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = f"sparsesci {release}"
html_theme_options = {
    "logo": {"text": "sparsesci"},
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False
html_copy_source = False
