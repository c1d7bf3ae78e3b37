"""The cases of composites, patches, stacks, models and scenes."""

from __future__ import annotations

from benchmarks import jobs
from benchmarks.case import Case, Spreading
from benchmarks.peers import Agreement, Peer

_ON_WORKERS = Spreading("workers")


def _model(name: str, title: str) -> Case:
    return Case(
        f"prediction, {title}",
        jobs.blank,
        jobs.predicted,
        sizes=(1024,),
        parameters={"name": name},
        spreading=_ON_WORKERS,
        least=160,
    )


JOBS: tuple[Case, ...] = (
    Case(
        "principal components, fit",
        jobs.four_layers,
        jobs.components_fitted,
        (Peer("scikit-learn", "sklearn", jobs.sklearn_fitted, Agreement(1e-6)),),
        spreading=None,  # what it gives is no raster
    ),
    Case(
        "principal components, transform",
        jobs.four_layers,
        jobs.components_applied,
        # It divides by n where ours divides by n - 1, and n is 4,096.
        (Peer("scikit-learn", "sklearn", jobs.sklearn_applied, Agreement(2e-3)),),
    ),
    Case(
        "patches from Zarr",
        jobs.blank,
        jobs.patches_cut,
        (
            Peer("zarr", "zarr", jobs.windows_cut, Agreement(1e-12)),
            Peer("xbatcher", "xbatcher", jobs.xbatcher_cut, Agreement(1e-12)),
        ),
        sizes=(2048,),
        spreading=None,  # of one core's work; docs/patches.md has datasets
        least=512,
    ),
    Case(
        "stack for detection, from disk to disk",
        jobs.blank,
        jobs.stack_built,
        sizes=(2048,),
        spreading=_ON_WORKERS,
        least=160,
    ),
    _model("segformer-b0-synth-v1", "masks"),
    _model("yolo-s-synth-v1", "boxes"),
    Case("synthetic scene", jobs.blank, jobs.scene_made, sizes=(1024,), spreading=None, least=64),
)
