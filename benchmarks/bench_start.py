"""asv: importing fastseg and the first call of a process, whose kernels are in the cache."""

from benchmarks._suite import SIDE
from benchmarks.cases import load
from benchmarks.programs import OPERATIONS


class Start:
    """asv runs the code that is returned in a new process."""

    timeout = 300

    def setup_cache(self) -> None:
        """Fill numba's cache."""
        pair = load("near-32")
        for operation in OPERATIONS.values():
            if operation.family == "masks":
                operation.prepare(pair).call()

    def timeraw_import_numpy(self) -> str:
        return "import numpy"

    def timeraw_import_fastseg(self) -> str:
        return "import numpy, fastseg"

    def timeraw_first_evaluate(self) -> str:
        return """
        import numpy, fastseg
        reference = numpy.zeros((64, 64, 64), bool)
        reference[16:48, 16:48, 16:48] = True
        fastseg.evaluate(reference, numpy.roll(reference, 1, 0))
        """


class Inputs:
    """What a process holds before any operation: the floor of every peak of memory."""

    params = (f"near-{SIDE}", f"organs-{SIDE}")
    param_names = ("case",)

    def setup(self, case: str) -> None:
        self.pair = load(case)

    def peakmem_inputs(self, case: str) -> None:
        assert self.pair.reference.size
