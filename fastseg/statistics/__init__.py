"""What a number is worth: intervals, comparisons of algorithms, rankings, numbers of cases needed."""

from fastseg.statistics.reading import score_table as score_table
from fastseg.statistics.score_table import ScoreTable as ScoreTable
