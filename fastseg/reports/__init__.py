"""The report: one page that can be mailed, from results that were written before."""
