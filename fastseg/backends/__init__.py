"""The backends: modules that offer the same functions.

Each has

``joint_histogram(reference, prediction)``
    of two label maps of one shape, dtype and memory order: a :class:`fastseg.joint.JointHistogram`;
``select(labels, values, box=None, ignored=None)``
    the voxels of a box whose label is one of `values`, as a mask in the backend's own form; `ignored`, a mask of the
    same box, is taken out;
``surface(mask, connectivity, edge)``
    the surface voxels of a bool array, as a bool array;
``surface_distances(reference, prediction, spacing, boundary)``
    of two masks from ``select``: a :class:`fastseg.distances.SurfaceDistances`;
``surface_distributions(reference, prediction, spacing, boundary)``
    how often each of these distances occurs: a :class:`fastseg.distributions.SurfaceDistributions`;
``band_counts(reference, prediction, spacing, width)``
    of two masks from ``select``: a :class:`fastseg.distances.BandCounts`;
``distance_transform_edt(foreground, spacing, indices, dtype)``
    distances of a bool or uint8 array in float64 or float32, and int32 indices of the nearest background if asked
    for, else None;
``unsupported(function, ndim)``
    why it does not offer a function for arrays of so many axes, None if it does.
"""
