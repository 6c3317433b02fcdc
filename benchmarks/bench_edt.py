"""asv: the distance transform, float32, float64 and with indices."""

from benchmarks._suite import _Primitive


class DistanceTransform(_Primitive):
    operations = ("edt float32", "edt float64", "edt float64 indices")
