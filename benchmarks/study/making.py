"""Images and truths of all subjects under all conditions."""

from __future__ import annotations

from benchmarks.study import difficulties
from benchmarks.study.folder import CLEAN, Condition, Folder, write_nifti
from benchmarks.study.plan import Plan, subject_of
from benchmarks.study.subjects import FINE, clean_image, truth_of
from benchmarks.study.truths import rater_noise


def make_subject(plan: Plan, folder: Folder, name: str, subject: str) -> None:
    """Make what there is not yet of a subject; those to learn from are imaged clean alone."""
    conditions = plan.conditions(name) if subject.startswith("test") else [CLEAN]
    wanted = [c for c in conditions if not folder.image(name, c, subject).exists()]
    if wanted:
        usual = subject_of(plan.settings, name, subject)
        spacing = usual.spacing * FINE
        truth = truth_of(usual)
        write_nifti(folder.truth(name, CLEAN, subject), truth, spacing)
        for condition in wanted:
            if condition == CLEAN:
                image = clean_image(usual)
            else:
                kind = difficulties.difficulty(condition.difficulty)
                strength = kind.strengths[condition.level - 1]
                if kind.variability:
                    other = subject_of(plan.settings, name, subject, strength)
                    image = clean_image(other)
                    write_nifti(folder.truth(name, condition, subject), truth_of(other), spacing)
                else:
                    image = kind.image(usual, strength, usual.seed + 2)
            write_nifti(folder.image(name, condition, subject), image, spacing)
    if subject.startswith("test"):
        redraw(plan, folder, name, subject)


def redraw(plan: Plan, folder: Folder, name: str, subject: str) -> None:
    """Draw the truth of a clean image again, as other raters would."""
    sample = None
    for level in plan.settings.levels:
        path = folder.truth(name, Condition("rater_noise", level), subject)
        if not path.exists():
            sample = sample or folder.sample(name, CLEAN, subject)
            strength = rater_noise.RATER_STRENGTHS[level - 1]
            # the seed is the subject's, so that levels differ in strength alone
            seed = int(subject.split("_")[1])
            again = rater_noise.redrawn(sample.truth, sample.spacing, strength, seed)
            write_nifti(path, again, sample.spacing)
