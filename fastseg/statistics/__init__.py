"""What a number is worth: intervals, comparisons of algorithms, rankings, numbers of cases needed."""

from fastseg.statistics.comparison import compare as compare
from fastseg.statistics.intervals import intervals as intervals
from fastseg.statistics.ranking import rank as rank
from fastseg.statistics.ranking_results import Ranking as Ranking
from fastseg.statistics.ranking_results import TaskRanking as TaskRanking
from fastseg.statistics.reading import score_table as score_table
from fastseg.statistics.result_table import ResultTable as ResultTable
from fastseg.statistics.score_table import ScoreTable as ScoreTable
from fastseg.statistics.shares import cases_needed as cases_needed
from fastseg.statistics.shares import share_below as share_below
