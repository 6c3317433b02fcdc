"""The measurements: what is counted or measured of a structure, which metrics are functions of."""

from __future__ import annotations

from typing import Literal, NamedTuple

#: what metrics are of: structures, as :func:`fastseg.evaluate` has them, how instances were matched,
#: or two partitions of an image
Of = Literal["structures", "instances", "partitions"]

#: names that stand for several metrics of structures, wherever a metric is named
Group = Literal["overlap", "surface", "shape", "topology"]


class Measurement(NamedTuple):
    """A quantity that metrics are functions of.

    Attributes
    ----------
    name : str
        What a metric names, and what a backend is asked for.
    from_histogram : bool
        Whether the joint histogram gives it, of any structure. What a backend measures, it measures of structures that
        both maps have.
    gives : str
        What a metric gets.
    title, about : str
        Heading and introduction of its metrics on the page of definitions.
    of : {"structures", "instances", "partitions"}
        What it is of.
    group : str or None
        The name that stands for all its metrics.
    by_default : bool
        Whether :func:`fastseg.evaluate` gives its metrics unless told which.
    """

    name: str
    from_histogram: bool
    gives: str
    title: str
    about: str
    of: Of = "structures"
    group: Group | None = None
    by_default: bool = True


MEASUREMENTS = {
    measurement.name: measurement
    for measurement in (
        Measurement(
            name="counts",
            from_histogram=True,
            gives="fastseg.measures.joint_histogram.Counts",
            title="Of counts of voxels",
            about="""
TP, FP, FN and TN are the true and false positives and negatives, N is their sum. All are 64-bit integers.
""",
            group="overlap",
        ),
        Measurement(
            name="surface_distributions",
            from_histogram=False,
            gives="fastseg.measures.distributions.SurfaceReductions",
            title="Of distances between surfaces",
            about="""
R and P are the surfaces of reference and prediction, d(R→P) the distances from each element of R to P. A distance is
√Σ(Δᵢ·sᵢ)² over the axes in order, in float64, from the centre of one surface element to the nearest one of the other
surface; s is the spacing. `assd` is pooled over both surfaces, `masd` is the mean of the two means; other tools give
either name to both. Voxel sizes and tolerances come rounded, from float32 headers and as decimals: a distance that
exceeds τ, the tolerance, by no more than a millionth of it is within τ.
""",
            group="surface",
        ),
        Measurement(
            name="band_overlap",
            from_histogram=False,
            gives="fastseg.measures.overlap.Overlap",
            title="Of boundary bands",
            about="""
Rτ and Pτ are the voxels of each mask that lie nearer than τ, the width of the band, to its own voxel surface; what lies
τ away but for a rounding is not nearer. The width is the tolerance unless `boundary_width` is given.
""",
            group="surface",
        ),
        Measurement(
            name="topology",
            from_histogram=False,
            gives="fastseg.measures.topology.TopologyPair",
            title="Of topology",
            about="""
Asked for by name, or all at once as `metrics="topology"`. Voxels of a mask are connected if they share a corner (26
neighbours, 8 in a plane), those outside it if they share a face; outside the image there is background. χ is the Euler
number of the mask, β₀ how many components it has, β₂ how many cavities, β₁ = β₀ + β₂ − χ how many tunnels; in a plane
β₁ counts holes and β₂ is 0. A hole is a component of the background from which no way leads outside: a cavity, in a
plane a hole. H are the voxels of all holes of a mask, v the volume of a voxel.
""",
            group="topology",
            by_default=False,
        ),
        Measurement(
            name="face_topology",
            from_histogram=False,
            gives="fastseg.measures.topology.TopologyPair",
            title="Of topology, where faces connect",
            about="""
The same numbers where voxels of a mask are connected if they share a face (6 neighbours, 4 in a plane), and those
outside it if they share a corner. Asked for by name.
""",
            by_default=False,
        ),
        Measurement(
            name="skeleton_overlap",
            from_histogram=False,
            gives="fastseg.measures.skeletons.SkeletonOverlap",
            title="Of skeletons",
            about="""
Asked for by name, or with the others of `metrics="topology"`. S(M) is the skeleton of a mask as `skeletonize` finds it,
of a plane from the four sides in it: Lee's, which scikit-image gives of planes with `method="lee"` alone, else Zhang's,
whose voxels are others. A structure an even number of voxels wide may have none (scikit-image#3757). U(M) are the
voxels of M that at most two steps across faces lead to from S(M), as nnU-Net's Skeleton Recall dilates it twice.
""",
            group="topology",
            by_default=False,
        ),
        Measurement(
            name="tree_overlap",
            from_histogram=False,
            gives="fastseg.measures.trees.TreeOverlap",
            title="Of trees",
            about="""
Asked for by name, of airways and vessels. S(R) is the skeleton of the reference, L(P) the largest component of the
prediction, connected by faces, the first of equally large ones. The skeleton's voxels with more than two neighbours of
its own are taken out; what hangs together by corners and has at least five voxels is a branch, and every voxel of the
skeleton is of the branch that is nearest in voxels, whatever their spacing. ATM'22 gives the same in percent, with
quirks of its own: protocol `atm22`.
""",
            by_default=False,
        ),
        Measurement(
            name="shape",
            from_histogram=False,
            gives="fastseg.measures.shape.ShapePair",
            title="Of shape",
            about="""
Asked for by name, or all at once as `metrics="shape"`. A(M) is the area of the surface of a mask M, in a plane the
length of its contour; μ(M) is the mean position of its voxels, S(M) their covariance, both in the units of the spacing.
""",
            group="shape",
            by_default=False,
        ),
        Measurement(
            name="matching",
            from_histogram=True,
            gives="fastseg.measures.matching.Matching",
            title="Of matched instances",
            about="""
How the instances of both maps, lesions or cells say, were matched. TP are the reference instances that were found, FN
those that were missed, FP the predicted instances that are in no pair. s is the score that they were matched by, IoU
unless another was asked for: of each reference instance with all predictions that were matched to it, as if they were
one. `evaluate_instances` gives these metrics. Beside them recall can be asked for by size, in the units of the spacing:
`instance_recall_below_50`, `instance_recall_50_to_500`, `instance_recall_from_500` (lower bound included, upper
excluded).
""",
            of="instances",
        ),
        Measurement(
            name="partition",
            from_histogram=True,
            gives="fastseg.measures.partitions.Partition",
            title="Of partitions",
            about="""
Of all instances of two label maps at once, given by `evaluate_partition`: nᵢⱼ voxels have label i in the reference and
j in the prediction, aᵢ = Σⱼ nᵢⱼ, bⱼ = Σᵢ nᵢⱼ, N = Σ nᵢⱼ. Sums of squares are whole numbers of any size.
""",
            of="partitions",
        ),
    )
}

#: the measurements that no backend is asked for
FROM_HISTOGRAM = frozenset(name for name, entry in MEASUREMENTS.items() if entry.from_histogram)
