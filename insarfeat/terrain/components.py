"""Principal components of raster layers, as a scikit-learn estimator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError

from insarfeat.dispatch import GeneratedSource
from insarfeat.errors import InvalidArgument, InvalidType
from insarfeat.georeference import same_grid
from insarfeat.lots import lots
from insarfeat.terrain.composite import Composite
from insarfeat.terrain.moments import BY_REGION, MASKED, WHOLE, Moments, gather
from insarfeat.windows import Shape, Window

_LEADER = "slope"


class PrincipalComponents(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Principal components of raster layers of any size, as a scikit-learn estimator.

    The unit vectors :math:`v_c` are eigenvectors of the covariance of the standardised layers
    :math:`z_k = (x_k - \mu_k) / \sigma_k` (that is, of the correlation of the layers), by falling eigenvalue;
    component c is :math:`\sum_k v_{ck} z_k`. The sign of a vector is free: it is chosen so that the loading of the
    layer ``slope`` is positive, or where no layer is called so, the largest loading.

    Means and covariance are gathered in one pass over the chunks, in float64, and do not depend on how a raster is
    cut, to rounding. A pixel counts where all layers are finite. Lazy layers are read when ``fit`` is called, with
    the scheduler that the caller has chosen; ``transform`` is lazy.

    Parameters
    ----------
    n_components
        How many to keep; all by default.
    standardize
        Whether layers are divided by their standard deviation; else the covariance decides, and with it the units.
    sample
        Share of the pixels to fit on, from 0 to 1, picked at random; all by default.
    seed
        Of the sample; the same pixels in any chunks.

    Attributes
    ----------
    components_, explained_variance_, explained_variance_ratio_, mean_, scale_
        Loadings (one row per component), variances and their shares; means and scales of the layers.
    n_samples_, n_features_in_, feature_names_in_
        Pixels fitted on; number and names of the layers.
    composite_
        All of that as a value that can be applied and saved.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> slope = rng.random((50, 60))
    >>> layers = {"slope": slope, "tri": 3 * slope + 0.1 * rng.random((50, 60))}
    >>> found = PrincipalComponents(n_components=1).fit(layers)
    >>> found.components_.round(3), found.transform(layers)["pc1"].shape
    (array([[0.707, 0.707]]), (50, 60))
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        standardize: bool = True,
        sample: float | None = None,
        seed: int = 0,
    ) -> None:
        self.n_components = n_components
        self.standardize = standardize
        self.sample = sample
        self.seed = seed

    def fit(self, layers: Any, y: None = None, *, mask: Any = None) -> Self:
        """Fit to layers, inside a mask if one is given.

        Parameters
        ----------
        layers
            A Dataset or a dict of rasters by name; a list of rasters or an array (layer, y, x), named by their number
            or their own names; or a table of samples by features, as elsewhere in scikit-learn.
        mask
            Raster on the same grid, not 0 where pixels count.
        y
            Not used; there for pipelines.
        """
        given = _Layers.of(layers)
        chosen = self._chosen(given, mask)
        moments = gather(WHOLE, given.data) if chosen is None else gather(MASKED, [*given.data, chosen])
        return self._take(given.names, moments)

    def fit_regions(self, layers: Any, regions: Any) -> dict[int, PrincipalComponents]:
        """Fit one estimator per region, in one pass; ``regions`` is a raster of whole numbers on the same grid.

        Pixels where it is NaN or 0 belong to none.
        """
        from sklearn.base import clone

        given = _Layers.of(layers)
        given.check_beside(regions, "regions")
        labels = _raw(regions)
        sampled = self._chosen(given, None)
        if sampled is not None:
            labels = labels * sampled
        found = gather(BY_REGION, [*given.data, labels])
        return {
            label: clone(self)._take(given.names, moments) for label, moments in found.items() if label != 0
        }

    def transform(self, layers: Any) -> Any:
        """Components of layers, of the same kind: pc1, pc2, ... by name, or stacked as the layers were.

        Layers that come by name are taken by name, whatever their order.
        """
        composite = self._fitted()
        given = _Layers.of(layers)
        return given.packed(composite.apply(given.chosen(composite.names)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted composite as JSON."""
        self._fitted().save(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PrincipalComponents:
        """Read a composite as a fitted estimator."""
        return cls.of(Composite.load(path))

    @classmethod
    def of(cls, composite: Composite) -> PrincipalComponents:
        """A composite as a fitted estimator."""
        made = cls(len(composite.loadings))
        made.composite_ = composite
        return made

    @property
    def components_(self) -> NDArray[np.float64]:
        """Loadings, one row per component."""
        return np.array(self._fitted().loadings)

    @property
    def explained_variance_(self) -> NDArray[np.float64]:
        """Variance of each component."""
        return np.array(self._fitted().variances)

    @property
    def explained_variance_ratio_(self) -> NDArray[np.float64]:
        """Share of each component in the variance of the layers."""
        return np.array(self._fitted().shares)

    @property
    def mean_(self) -> NDArray[np.float64]:
        """Means of the layers."""
        return np.array(self._fitted().means)

    @property
    def scale_(self) -> NDArray[np.float64]:
        """Standard deviations of the layers; 1 where they are not scaled."""
        return np.array(self._fitted().scales)

    @property
    def n_samples_(self) -> int:
        """Pixels that it was fitted on."""
        return self._fitted().pixels

    @property
    def n_features_in_(self) -> int:
        """Number of layers."""
        return len(self._fitted().names)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the layers."""
        return np.array(self._fitted().names, object)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the components."""
        return np.array([f"pc{number + 1}" for number in range(len(self._fitted().loadings))], object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "composite_")

    def _fitted(self) -> Composite:
        if not hasattr(self, "composite_"):
            raise NotFittedError("these components are not fitted yet; call fit(layers), or load a composite")
        composite: Composite = self.composite_
        return composite

    def _chosen(self, given: _Layers, mask: Any) -> Any:
        """Mask of the pixels to fit on; None for all."""
        chosen = None
        if mask is not None:
            given.check_beside(mask, "mask")
            chosen = _raw(mask)
            chosen = (chosen != 0) & (chosen == chosen)
        if self.sample is None:
            return chosen
        if not isinstance(self.sample, int | float) or not 0 < self.sample <= 1:
            raise InvalidArgument(f"sample must be a share above 0, up to 1; got {self.sample!r}")
        sampled = _sampled(_raw(given.rasters[0]), float(self.sample), self.seed)
        return sampled if chosen is None else sampled * chosen

    def _take(self, names: tuple[str, ...], moments: Moments) -> Self:
        self.composite_ = composite_of(names, moments, self.n_components, self.standardize)
        return self


@dataclass(frozen=True, slots=True, eq=False)
class _Layers:
    """Layers as they came, with their names and their data."""

    given: Any
    names: tuple[str, ...]
    rasters: tuple[Any, ...]
    named: bool

    @classmethod
    def of(cls, layers: Any) -> _Layers:
        if hasattr(layers, "data_vars"):
            layers = {name: raster for name, raster in layers.data_vars.items() if raster.ndim >= 2}
        if isinstance(layers, Mapping):
            names, rasters, named = tuple(map(str, layers)), tuple(layers.values()), True
        elif isinstance(layers, list | tuple):
            rasters, named = tuple(layers), False
            names = tuple(str(getattr(one, "name", None) or number) for number, one in enumerate(rasters))
        elif hasattr(layers, "ndim") and layers.ndim in (2, 3):
            # Of a table each feature is a raster of one row.
            split = layers if layers.ndim == 3 else np.asarray(layers).T[:, np.newaxis]
            rasters, named = tuple(split[number] for number in range(len(split))), False
            names = tuple(map(str, getattr(layers, "columns", range(len(split)))))
        else:
            raise InvalidType(
                "layers must be a Dataset, a dict or list of rasters, an array (layer, y, x) or a table; got "
                f"{type(layers).__name__}"
            )
        if not rasters:
            raise InvalidArgument("layers is empty; there is nothing to compose")
        return cls(layers, names, rasters, named)

    @property
    def data(self) -> list[Any]:
        """The rasters without their coordinates, which must agree."""
        labelled = [raster for raster in self.rasters if hasattr(raster, "coords")]
        if labelled:
            same_grid(labelled)
        return [_raw(raster) for raster in self.rasters]

    def check_beside(self, raster: Any, name: str) -> None:
        """Refuse a raster that does not lie on the layers."""
        shape = self.rasters[0].shape
        if getattr(raster, "shape", None) != shape:
            raise InvalidArgument(
                f"{name} must be a raster of shape {shape}, as the layers; got "
                f"{getattr(raster, 'shape', type(raster).__name__)}"
            )
        if hasattr(raster, "coords") and hasattr(self.rasters[0], "coords"):
            same_grid([self.rasters[0], raster])

    def chosen(self, names: tuple[str, ...]) -> list[Any]:
        """The rasters that a composite takes, in its order."""
        if not self.named:
            return list(self.rasters)
        by_name = dict(zip(self.names, self.rasters, strict=True))
        missing = [name for name in names if name not in by_name]
        if missing:
            raise InvalidArgument(
                f"layers lack {', '.join(map(repr, missing))}, which the composite was fitted on; there are "
                f"{', '.join(map(repr, by_name))}"
            )
        return [by_name[name] for name in names]

    def packed(self, found: Any) -> Any:
        """Components in the form in which the layers came."""
        if hasattr(found, "to_dataset") or hasattr(found, "data_vars"):
            dataset = found.to_dataset() if hasattr(found, "to_dataset") else found
            for number, layer in enumerate(dataset.data_vars.values()):
                layer.attrs |= {"long_name": f"principal component {number + 1}", "units": "1"}
            return dataset
        parts = found if isinstance(found, tuple) else (found,)
        if isinstance(self.given, Mapping):
            return {f"pc{number}": part for number, part in enumerate(parts, 1)}
        if isinstance(self.given, list | tuple):
            return list(parts)
        if self.given.ndim == 2:
            return np.concatenate(parts).T
        from insarfeat.dispatch.kinds import is_lazy

        if is_lazy(parts[0]):
            import dask.array as da

            stack: Any = da.stack
            return stack(parts)
        return np.stack(parts)


def _raw(raster: Any) -> Any:
    return getattr(raster, "data", raster) if hasattr(raster, "dims") else raster


def composite_of(
    names: tuple[str, ...], moments: Moments, n_components: int | None, standardize: bool = True
) -> Composite:
    """The composite that moments of layers give, with its components by falling variance."""
    count = len(names)
    keep = count if n_components is None else n_components
    if isinstance(keep, bool) or not isinstance(keep, int | np.integer) or not 1 <= keep <= count:
        raise InvalidArgument(
            f"n_components must be a whole number from 1 to {count}, the number of layers; got {n_components!r}"
        )
    if moments.count <= count:
        raise InvalidArgument(
            f"{moments.count} pixels have a value in all {count} layers (and inside the mask); a fit needs more"
        )
    covariance = moments.products / (moments.count - 1)
    deviations = np.sqrt(np.diag(covariance))
    # Rounding may leave a constant layer with a trace of variance.
    constant = deviations <= 1e-9 * np.maximum(np.abs(moments.means), 1e-30)
    if standardize and constant.any():
        which = ", ".join(name for name, flat in zip(names, constant, strict=True) if flat)
        raise InvalidArgument(
            f"{which}: the same value everywhere, so it cannot be standardized; leave it out"
        )
    scales = deviations if standardize else np.ones(count)
    variances, vectors = np.linalg.eigh(covariance / np.outer(scales, scales))
    order = np.argsort(variances)[::-1]
    variances, loadings = np.maximum(variances[order], 0), vectors[:, order].T
    for row in loadings:
        leader = names.index(_LEADER) if _LEADER in names else int(np.argmax(np.abs(row)))
        if row[leader] < 0:
            row *= -1
    return Composite(
        names=names,
        means=tuple(moments.means.tolist()),
        scales=tuple(scales.tolist()),
        loadings=tuple(tuple(row) for row in loadings[:keep].tolist()),
        variances=tuple(variances[:keep].tolist()),
        total_variance=float(variances.sum()),
        pixels=moments.count,
    )


def _sampled(like: Any, share: float, seed: int) -> Any:
    """A mask of so many of the pixels, of the same kind as a raster; a pixel is in it or not whatever the chunks."""
    from insarfeat.dispatch.kinds import is_lazy

    height, width = like.shape[-2:]
    lottery = _Lottery(share, seed)
    if not is_lazy(like):
        return lottery(Window(0, 0, height, width))
    from insarfeat.dispatch.lazy import lazy_source

    name = f"sample-{share}-{seed}-{height}-{width}"
    return lazy_source(GeneratedSource(lottery, Shape(height, width), np.uint8, name=name), like.chunks[-2:])


@dataclass(frozen=True, slots=True)
class _Lottery:
    """Draws a share of the pixels."""

    share: float
    seed: int

    def __call__(self, window: Window) -> NDArray[np.uint8]:
        return (lots(window, self.seed) < self.share * 2.0**64).astype(np.uint8)
