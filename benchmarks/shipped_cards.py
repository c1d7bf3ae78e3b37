"""Cards of the shipped models: what the tests found, in words and tables, and the weights that belong to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.pages import table
from benchmarks.shipped_tests import LOOKED_AT

KEPT = Path(__file__).parents[1] / "zoo" / "models"
"""Where shipped models lie."""

_USE = {
    "boxes": (
        "Boxes with class and score around what may be a landslide, in one interferogram: for an expert's list of "
        "places to look at, and as a starting point for training on real labels."
    ),
    "masks": (
        "The probability that a pixel moves, or has moved, in one interferogram: for maps of candidates, for "
        "outlines that an expert corrects, and to start from when training on real labels."
    ),
}

_NEVER = (
    "Not for warnings, for hazard maps without an expert, or for saying that a slope does not move: what it cannot "
    "see is most of what there is (see the limits below)."
)


def write_card(weights: Path, told: Mapping[str, Any], failures: str, folder: Path = KEPT) -> Path:
    """Write the card beside a copy of the weights whose description holds the card's hash.

    Parameters
    ----------
    weights
        Trained file.
    told
        What :mod:`benchmarks.shipped_models` found in its tests.
    failures
        Known failures, in Markdown: what a person saw who looked at results.
    folder
        Of both.

    Returns
    -------
    Path
        The card.
    """
    import torch

    from zoo.weights import WeightFile, save_weights

    file = WeightFile.of(weights)
    if told["digest"] != file.digest:
        raise ValueError(f"the tests are of other weights than {weights}; run them again")
    text = card(file.description, told, failures)
    folder.mkdir(exist_ok=True)
    target = folder / f"{file.description.name}.md"
    target.write_text(text, encoding="utf-8")
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    state = {name: torch.from_numpy(values.copy()) for name, values in file.arrays().items()}
    described = file.description.model_copy(update={"card_sha256": digest})
    save_weights(folder / weights.name, state, described, overwrite=True)
    return target


def card(description: Any, told: Mapping[str, Any], failures: str) -> str:
    """The text of a card."""
    scores = _box_scores if description.task == "boxes" else _mask_scores
    parts = [
        f"# {description.name}",
        f"**{description.statement}**",
        f"{_USE[description.task]} {_NEVER}",
        _facts(description),
        "## Bands",
        _bands(description, told["bands"]),
        "## Scores on synthetic scenes",
        "1,000 frozen tiles each (`insarfeat.synth.frozen`): *plain* is drawn as the training tiles of the first "
        "stage are, on ground that no training tile has; *shifted* has other mountains, and air, looks and filters "
        "that are rare in the plain style, at 20 m: all within the spread of the second stage but the mountains. "
        "Brackets: 95 percent, bootstrap over tiles. These are no accuracies on real landslides.",
        scores(told),
        "## What is found, and what is not",
        f"Share of the slides of {told['limits']['slides']:,} in plain tiles of other seeds that are found"
        + (
            " (a box overlaps theirs by 0.3)"
            if description.task == "boxes"
            else " (30 percent of what shows is marked)"
        )
        + ", those that nobody can see among them.",
        _limits(told["limits"]),
        "## On real ground",
        _real(told["real"]),
        "## Known failures",
        failures.strip(),
        "## How it was made",
        _made(description, told),
    ]
    return "\n\n".join(parts) + "\n"


def summary(task: str, told: Mapping[str, Any]) -> str:
    """Scores and answers to the questions, for the documentation."""
    scores = (_box_scores if task == "boxes" else _mask_scores)(told)
    first, *_ = scores.split("\n\n")
    return f"{first}\n\n{_answers(told['limits'])}"


def _facts(told: Any) -> str:
    rows = [
        ("network", told.architecture),
        ("finds", f"{told.task}: {', '.join(told.classes)}"),
        ("pixels", f"{told.pixel:g} m; {told.least_pixel:g} to {told.largest_pixel:g} m without resampling"),
        ("counts as found from", f"{told.threshold:.3f}"),
        ("temperature", f"{told.temperature:.3f}"),
        ("trained on", f"{told.training_data} data, generator {told.generator[:12]}, seed {told.seed}"),
        ("licence", told.licence),
    ]
    return table(["", ""], [(f"**{name}**", value) for name, value in rows])


def _bands(told: Any, looks: Mapping[str, Mapping[str, float]]) -> str:
    columns = list(next(iter(looks.values())))
    listed = table(
        ["band", "unit", "needed"],
        [(band.name, band.units or "1", "yes" if band.required else "no") for band in told.bands],
    )
    scored = table(
        [f"on the first {LOOKED_AT} plain tiles", *columns],
        [(name, *(_number(found[column]) for column in columns)) for name, found in looks.items()],
    )
    return f"{listed}\n\nWhat each band is worth to this model: scores when it is left out.\n\n{scored}"


def _box_scores(told: Mapping[str, Any]) -> str:
    plain, shifted = told["scores"]["plain"], told["scores"]["shifted"]
    rows = [
        (title, _interval(plain[key][iou]), _interval(shifted[key][iou]))
        for title, key, iou in (
            ("mean AP@0.5 over named classes", "mean_average_precision", "0.5"),
            ("mean AP@0.3 over named classes", "mean_average_precision", "0.3"),
            ("AP@0.5, any class", "any_class", "0.5"),
            ("AP@0.3, any class", "any_class", "0.3"),
        )
    ]
    rows += [
        (f"{ratio} at the threshold", _ratio(plain["total"], ratio), _ratio(shifted["total"], ratio))
        for ratio in ("precision", "recall", "f1")
    ]
    rows.append(
        (
            "false alarms per 100 km2 without slides",
            _interval(plain["false_alarms"]),
            _interval(shifted["false_alarms"]),
        )
    )
    rows += _beside(told["classical"], "AP@0.5, any class")
    classes = [
        (
            name,
            str(counts["tp"] + counts["fn"]),
            *(
                _number(each["average_precision"][iou][name])
                for each in (plain, shifted)
                for iou in ("0.5", "0.3")
            ),
        )
        for name, counts in plain["counts"].items()
    ]
    return "\n\n".join(
        [
            table(["", "plain", "shifted"], rows),
            table(["class", "boxes", "AP@0.5", "AP@0.3", "shifted @0.5", "shifted @0.3"], classes),
        ]
    )


def _mask_scores(told: Mapping[str, Any]) -> str:
    plain, shifted = told["scores"]["plain"], told["scores"]["shifted"]
    rows: list[tuple[str, ...]] = [
        (
            {"iou": "IoU", "f1": "F1"}.get(ratio, ratio),
            _ratio(plain["pixels"], ratio),
            _ratio(shifted["pixels"], ratio),
        )
        for ratio in ("iou", "f1", "precision", "recall")
    ]
    rows.append(
        ("area under precision-recall", *(_number(each["average_precision"]) for each in (plain, shifted)))
    )
    rows.append(("F1 of objects", _ratio(plain["objects"], "f1"), _ratio(shifted["objects"], "f1")))
    rows += [
        (f"IoU, {name}", _ratio(part, "iou"), _ratio(shifted[group][name], "iou"))
        for group in ("sizes", "kinds")
        for name, part in plain[group].items()
    ]
    errors = (_number(each["reliability"]["expected_calibration_error"]) for each in (plain, shifted))
    rows.append(("calibration error", *errors))
    rows += _beside(told["classical"], "IoU")
    return table(["", "plain", "shifted"], rows)


def _beside(classical: Mapping[str, Mapping[str, float]], score: str) -> list[tuple[str, str, str]]:
    """Rows of the classical detectors."""
    return [
        (f"beside it: {name.replace('_', ' ')}, {score}", _number(value), _number(classical["shifted"][name]))
        for name, value in classical["plain"].items()
    ]


def _limits(told: Mapping[str, Any]) -> str:
    parts = [_answers(told)]
    for name in told:
        if name in ("slides", "questions", "area and fringes"):
            continue
        parts.append(
            table(
                [name, "found", "of", "share"], [_recall_row(key, each) for key, each in told[name].items()]
            )
        )
    return "\n\n".join(parts)


def _answers(limits: Mapping[str, Any]) -> str:
    """How often what a user asks for is found."""
    return "\n".join(
        f"- {asked['text']}: found in {_share(asked)} of {asked['of']}" for asked in limits["questions"]
    )


def _recall_row(name: str, told: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return name, f"{told['found']:,}", f"{told['of']:,}", _share(told)


def _share(told: Mapping[str, Any]) -> str:
    if told["recall"] is None:
        return "no such slide among them"
    low, high = (f"{100 * told[end]:.0f}" for end in ("low", "high"))
    return f"{100 * told['recall']:.0f} % ({low} to {high})"


def _real(told: Mapping[str, Any]) -> str:
    rate = told["per_100_km2"]
    return (
        f"A 12-day pair over Morocco ({told['km2']:.0f} km2, nearly flat, nothing is known to slide there; looked at "
        f"when a training had ended, never trained or tuned on): {told['detections']} detection(s), "
        f"{rate['value']:.1f} per 100 km2 (95 "
        f"percent, Poisson: {rate['low']:.1f} to {rate['high']:.1f}). No real mountains with labels were at "
        "hand: how well it does there is not known."
    )


def _made(description: Any, told: Mapping[str, Any]) -> str:
    made = told["made"]
    stages = " and ".join(
        f"{stage['epochs']} epochs ({stage['minutes']:.0f} minutes)" for stage in made["stages"]
    )
    return (
        f"```sh\n{made['command']}\n```\n\n"
        f"Two stages, each of {made['tiles']:,} stored tiles of its own, with other turns, phase offsets, signs and "
        f"missing bands in each epoch: {stages} on one core of {made['machine']}; seed {description.seed}, torch "
        f"{description.made_with.get('torch', 'unknown')}. The command gives the same tiles and a model that learns "
        "alike, not the same weights (see the remarks above). All of this card but the known failures was written by "
        "`python -m benchmarks.shipped_models ship`."
    )


def _interval(told: Mapping[str, Any]) -> str:
    if told["value"] is None:
        return "-"
    if told["low"] is None:
        return _number(told["value"])
    return f"{_number(told['value'])} ({_number(told['low'])} to {_number(told['high'])})"


def _ratio(told: Mapping[str, Any], name: str) -> str:
    low, high = told["intervals"].get(name, (None, None))
    return _interval({"value": told[name], "low": low, "high": high})


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
