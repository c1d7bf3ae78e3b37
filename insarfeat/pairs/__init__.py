"""Which interferograms are worth interpreting: what is wrong with each, in numbers, and the best first."""

from insarfeat.pairs.quality import Quality, assess
from insarfeat.pairs.ranking import RankedPair, Ranking, rank
from insarfeat.pairs.rules import Rules, Verdict

__all__ = ["Quality", "RankedPair", "Ranking", "Rules", "Verdict", "assess", "rank"]
