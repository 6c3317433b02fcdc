"""asv: evaluate(), of one mask, of small ones and of label maps, the real ones too where they are."""

from benchmarks._suite import _Primitive


class EvaluateMasks(_Primitive):
    operations = ("evaluate masks",)


class EvaluateLabels(_Primitive):
    operations = ("evaluate labels", "evaluate labels, all metrics")


class SmallCalls(_Primitive):
    operations = ("evaluate small, four metrics", "evaluate small, dice", "confusion_matrix small")
