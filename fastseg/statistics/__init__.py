"""What a number is worth: intervals, comparisons of algorithms, rankings, numbers of cases needed."""

from fastseg.statistics.comparison import compare
from fastseg.statistics.intervals import intervals
from fastseg.statistics.ranking import rank
from fastseg.statistics.ranking_results import Ranking, TaskRanking
from fastseg.statistics.reading import score_table
from fastseg.statistics.result_table import ResultTable
from fastseg.statistics.score_table import ScoreTable
from fastseg.statistics.shares import cases_needed, share_below

__all__ = [
    "Ranking",
    "ResultTable",
    "ScoreTable",
    "TaskRanking",
    "cases_needed",
    "compare",
    "intervals",
    "rank",
    "score_table",
    "share_below",
]
