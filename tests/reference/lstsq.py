"""Plain measure of the quality of a least-squares solution."""

import numpy as np


def backward_error(A, b, x):
    """Karlson-Walden estimate, for perturbations of A only, relative to ||A||_F, from the true singular values."""
    _, singular_values, Vt = np.linalg.svd(A, full_matrices=False)
    residual = b - A @ x
    gradient = Vt @ (A.T @ residual)
    weight = (residual @ residual) / (x @ x)
    scaled = np.linalg.norm(gradient / np.sqrt(singular_values**2 + weight))
    return scaled / (np.linalg.norm(x) * np.linalg.norm(A))
