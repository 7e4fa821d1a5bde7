"""Progress bars: nothing with ``verbose=0``, a tqdm bar otherwise."""


def progress_bar(iterable=None, *, total=None, desc=None, verbose=0):
    """Return a tqdm bar that is silent unless ``verbose``.

    Parameters
    ----------
    iterable : iterable or None
        What to walk over; None for a bar that is moved by ``update``.
    total : int or None
        Number of steps, where the iterable has no length.
    desc : str or None
        What is being done.
    verbose : int or bool
    """
    # The bar for notebooks warns when it is imported where ipywidgets is missing: not if there is no bar to show.
    if verbose:
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm(iterable, total=total, desc=desc, disable=not verbose, leave=False)
