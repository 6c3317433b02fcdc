"""What is measured of a pair of label maps: plain values, which know no backend and no metric."""
