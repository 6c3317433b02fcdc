"""Figures of the page, each a function that gives a figure of matplotlib; `saving` writes them."""
