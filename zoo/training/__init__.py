"""Training: what networks learn from, what they learn by, and the loop that makes them learn.

:func:`train` follows a :class:`Recipe` (:data:`RECIPES` names those that there are) on patches of one's own, on
stored tiles or on tiles made meanwhile, and goes on after any interruption; :func:`finetune` starts from a model.
:func:`store_samples` makes tiles beforehand, :func:`read_log` reads how a training went.
"""

from zoo.training.augment import Augmentation
from zoo.training.finetuning import Changes, finetune
from zoo.training.log import read_log
from zoo.training.loop import train
from zoo.training.recipes import RECIPES, Recipe
from zoo.training.samples import PatchSamples, Samples, Source, SyntheticOptions, SyntheticSamples
from zoo.training.stored import StoredSamples, store_samples

__all__ = [
    "RECIPES",
    "Augmentation",
    "Changes",
    "PatchSamples",
    "Recipe",
    "Samples",
    "Source",
    "StoredSamples",
    "SyntheticOptions",
    "SyntheticSamples",
    "finetune",
    "read_log",
    "store_samples",
    "train",
]
