"""The headers of NRRD and MetaImage files as text, for files that no library writes."""

from __future__ import annotations

from tests.io.files import Array

NRRD = """NRRD0005
# a comment: not a field
type: short
dimension: 3
sizes: 5 7 9
key:=a value: of the writer
space: left-posterior-superior
space directions: (0.5,0,0) (0,2,0) (0,0,3)
space origin: (1,2,3)
"""
META = """ObjectType = Image
NDims = 3
DimSize = 5 7 9
ElementType = MET_SHORT
ElementSpacing = 0.5 2 3
Offset = 1 2 3
"""


def as_file(array: Array, order: str = "<") -> bytes:
    return array.astype(f"{order}i2").tobytes(order="F")
