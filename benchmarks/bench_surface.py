"""asv: surfaces and the distances between them."""

from benchmarks._suite import _Primitive


class Surface(_Primitive):
    operations = ("surface",)


class SurfaceDistances(_Primitive):
    operations = ("surface_distances voxel", "surface_distances surfel")
