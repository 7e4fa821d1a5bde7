"""Least squares to machine precision, with a sketch as preconditioner."""




_SKETCHES = ("auto", "srht", "sparse_sign", "gaussian", "countsketch")
