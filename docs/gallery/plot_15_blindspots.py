"""
Where could nobody have found it?
=================================

Slides that are known are put into one's own pair, and the model looks: a map of where "nothing found" means nothing.
"""

# %%
# Sixty slides here, for a quick answer; 400 is the default, and makes the intervals narrower.

import insarfeat
import zoo
from insarfeat import plot
from insarfeat.synth import SlidePlan
from zoo.blindspots import Question, Trials, blind_spots

stack = insarfeat.synth.scene(seed=6, size=320)
told = blind_spots(
    zoo.load("yolo-s-synth-v1"),
    stack,
    "blind",
    question=Question(area=0.06, speed=50.0, probability=0.5),
    trials=Trials(injections=60, plan=SlidePlan(("CF", "CS"), area=(0.01, 0.3))),
    overwrite=True,
)
print(told)

# %%
# Where a slide of 0.06 km2 at half a metre a year would have been found, and why not elsewhere:

why = plot.picture(told.map["blind_spot"])

# %%
# Recall by what was put in, with intervals:

print(told.table.head(8).to_string())
