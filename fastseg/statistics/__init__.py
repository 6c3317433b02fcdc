"""What a number is worth: intervals, comparisons of algorithms, rankings, numbers of cases needed."""

from fastseg.statistics.ranking import rank as rank
from fastseg.statistics.ranking_results import Ranking as Ranking
from fastseg.statistics.ranking_results import TaskRanking as TaskRanking
from fastseg.statistics.reading import score_table as score_table
from fastseg.statistics.score_table import ScoreTable as ScoreTable
