"""Stacks: layers from raw inputs by a recipe, on one map, in one plan."""

from insarfeat.stacks.building import append_pairs, build_stack, lazy_stack, plan_stack
from insarfeat.stacks.recipe import RECIPES, Recipe
from insarfeat.stacks.scene import phase_filtered
from insarfeat.stacks.template import template

__all__ = [
    "RECIPES",
    "Recipe",
    "append_pairs",
    "build_stack",
    "lazy_stack",
    "phase_filtered",
    "plan_stack",
    "template",
]
