"""What the BraTS scripts do that their descriptions do not say."""

from __future__ import annotations

from fastseg.protocols.framework.protocol import Quirk

ANY_SIZE = Quirk(
    "false-positives-any-size",
    "A false positive counts however small it is, while lesions of the reference up to the least volume are left out.",
    "A lesion found exactly and a stray voxel: LesionWise_Score_Dice 0.5; without the quirk 1.",
)
SHARED = Quirk(
    "shared-predictions",
    "One predicted lesion may serve several lesions of the reference, and is compared with each as a whole.",
    "Two lesions of 64 voxels, and one prediction of 832 voxels that covers both: TP 2, LesionWise_Score_Dice 0.1429; "
    "without the quirk it is given to the one that it overlaps most: TP 1, FN 1, 0.0714.",
)
FIXED = Quirk(
    "fixed-penalty",
    "What has no counterpart costs a fixed HD95, about the diagonal of 240 x 240 x 155 voxels of 1 mm, "
    "whatever the image is.",
    "A missed lesion in 20 x 20 x 20 voxels of 1 mm: LesionWise_Score_HD95 374; without the quirk the diagonal, 34.64.",
)
CONTACT = Quirk(
    "merged-by-first-contact",
    "Lesions of a tissue that touch a lesion of another tissue are merged by the first that each touches: two that "
    "have only a second one in common stay two. Those that touch any also come last in the table.",
    "Three enhancing lesions in a row, between which lie two necrotic ones: 2 lesions, the first two as one; without "
    "the quirk 1.",
)
NUMBERS = Quirk(
    "scores-of-lesion-numbers",
    "Sensitivity, Specificity and Legacy_HD95 are made of the numbers of the lesions, where masks of 0 and 1 are "
    "expected: the voxels of lesion 3 count three times, only lesion 1 can be found, and the inside of all others is "
    "surface.",
    "Two lesions of 64 voxels, found exactly: Sensitivity 0.3333; without the quirk 1.",
)
IN_VOXELS = Quirk(
    "prediction-threshold-in-voxels",
    "Predicted lesions are removed up to a number of voxels, while the lesions of the reference are left out up to a "
    "volume of as many mm³.",
    "A lesion of 3 x 3 x 3 voxels of 2 mm, 216 mm³, found exactly: LesionWise_Score_Dice 0; without the quirk 1.",
)
CLEANED = Quirk(
    "cleaned-legacy-scores",
    "The scores of the region as a whole, too, are those of the prediction without its small lesions.",
    "A lesion of 125 voxels found exactly, and a stray voxel: Legacy_Dice 1; without the quirk 0.996.",
)
NARROW = Quirk(
    "snfh-narrow",
    "FLAIR hyperintensity (SNFH) is dilated 3 times, not 5: the script looks for the name SFNH.",
    "Two lesions of the reference 8 voxels apart: 2 lesions; without the quirk 1.",
)
FREE = Quirk(
    "false-positives-free",
    "False positives are counted but cost nothing: the mean is over the lesions of the reference alone.",
    "A lesion found exactly and a false positive of 125 voxels: LesionWise_Score_Dice 1; without the quirk 0.5.",
)
DIAGONAL = Quirk(
    "diagonal-in-voxels",
    "What has no counterpart costs the diagonal of the image in voxels, whatever the size of a voxel is.",
    "A missed lesion in 20 x 20 x 20 voxels of 2 mm: LesionWise_Score_HD95 34.64; without the quirk 69.28.",
)
