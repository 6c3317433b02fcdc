"""Several raters of one image: their agreement, their consensus, and a prediction beside them."""
