"""Finding every public name of the package."""

import importlib
import pkgutil

import sparsesci


def public_modules():
    """Return the public modules one level below the package, by name."""
    names = [module.name for module in pkgutil.iter_modules(sparsesci.__path__) if not module.name.startswith("_")]
    return {name: importlib.import_module(f"sparsesci.{name}") for name in names}


def public_names():
    """Return every public object by its name without the package's: "sketching.fwht", "show_versions"."""
    modules = public_modules()
    found = {
        f"{name}.{public}": getattr(module, public) for name, module in modules.items() for public in module.__all__
    }
    found |= {
        public: getattr(sparsesci, public)
        for public in sparsesci.__all__
        if public not in modules and not public.startswith("__")
    }
    return found
