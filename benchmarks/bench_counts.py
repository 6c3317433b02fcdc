"""asv: counts of all pairs of labels."""

from benchmarks._suite import _Primitive


class ConfusionMatrix(_Primitive):
    operations = ("confusion_matrix",)
