"""How large a run is."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Settings:
    """What decides every number of a run: two runs of the same settings give the same files."""

    name: str
    anatomies: tuple[str, ...]
    #: millimetres of a voxel of the images; labels are made twice as fine
    spacing: float
    training: int
    validation: int
    testing: int
    #: of every difficulty; level 0 is the clean image
    levels: tuple[int, ...]
    atlases: int
    trees: int
    #: batches that each network is trained with
    steps: int
    #: of them, how many are validated on all validation subjects after the step
    validated_steps: int
    #: pairs of an anatomy that MONAI and surface-distance measure too
    compared: int
    seed: int = 20


FULL = Settings(
    name="full",
    anatomies=("organs", "brain", "head_neck"),
    spacing=3.0,
    training=6,
    validation=2,
    testing=5,
    levels=(1, 2, 3, 4, 5),
    atlases=4,
    trees=40,
    steps=800,
    validated_steps=25,
    compared=34,
)

QUICK = Settings(
    name="quick",
    anatomies=("organs", "brain"),
    spacing=6.0,
    training=2,
    validation=1,
    testing=1,
    levels=(3,),
    atlases=2,
    trees=5,
    steps=12,
    validated_steps=3,
    compared=5,
)
