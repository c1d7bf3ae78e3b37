"""Curvatures from the first and second derivatives, row by row. Positive is convex."""

import numpy as np

from insarfeat._kernels import inner


@inner(error_model="numpy")
def profile(out, derivatives, share):
    """Curvature of the line of steepest descent."""
    n = out.size
    p, q = derivatives[0, :n], derivatives[1, :n]
    r, s, t = derivatives[2, :n], derivatives[3, :n], derivatives[4, :n]
    zero, one, two = out.dtype.type(0), out.dtype.type(1), out.dtype.type(2)
    w = out.dtype.type(share)
    for i in range(n):
        steep = p[i] * p[i] + q[i] * q[i]
        bend = w * (r[i] * p[i] * p[i] + t[i] * q[i] * q[i]) + two * s[i] * p[i] * q[i]
        value = -bend / (steep * (one + steep) * np.sqrt(one + steep))
        out[i] = zero if steep == zero else value


@inner(error_model="numpy")
def across(out, derivatives, share, tilt):
    """Curvature across the line of steepest descent: of the contour (tilt 0), or of the section through it (1)."""
    n = out.size
    p, q = derivatives[0, :n], derivatives[1, :n]
    r, s, t = derivatives[2, :n], derivatives[3, :n], derivatives[4, :n]
    zero, two = out.dtype.type(0), out.dtype.type(2)
    w, tilted = out.dtype.type(share), out.dtype.type(tilt)
    for i in range(n):
        steep = p[i] * p[i] + q[i] * q[i]
        bend = w * (t[i] * p[i] * p[i] + r[i] * q[i] * q[i]) - two * s[i] * p[i] * q[i]
        value = -bend / (steep * np.sqrt(tilted + steep))
        out[i] = zero if steep == zero else value


@inner()
def general(out, derivatives):
    """Minus the Laplacian."""
    r, t = derivatives[2, : out.size], derivatives[4, : out.size]
    for i in range(out.size):
        out[i] = -(r[i] + t[i])
