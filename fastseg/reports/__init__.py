"""The report: one page that can be mailed, from results that were written before."""

from fastseg.reports.report import report as report
