"""Other names of the metrics, and names that stand for several things.

The first are understood wherever a metric is named, and answered with the one name of the table. The second are
refused, with what each of them may mean. Where the names come from:

* Maier-Hein et al. 2024, doi:10.1038/s41592-023-02151-z, whose cheat sheets list the synonyms of each metric:
  Dice similarity coefficient (DSC), Jaccard, sensitivity, TPR, PPV, TNR, NSD, ASSD, MASD, Hausdorff distance, MCC
* Taha & Hanbury 2015, doi:10.1186/s12880-015-0068-x: volumetric similarity (VS), informedness, kappa
* Nikolov et al. 2021, doi:10.2196/26151, and surface-distance: surface Dice, surface DSC
* Yeghiazaryan & Voiculescu 2018, doi:10.1117/1.JMI.5.1.015006: directed and symmetric mean distances
* MedPy: dc, jc, asd (from the result to the reference), assd, ravd; MONAI: average surface distance, symmetric or not
* Kirillov et al. 2019: PQ, SQ, RQ; stardist: mean_matched_score, mean_true_score; autoPET: FPV, FNV
* Heimann et al. 2009, doi:10.1109/TMI.2009.2013851: VOE, RVD, ASD (symmetric there), MSD (the maximum)
"""

from __future__ import annotations

import re

_LISTS = {
    "dice": "dsc dc dice_score dice_coefficient dice_similarity dice_similarity_coefficient sorensen_dice "
    "dice_sorensen_coefficient f1_score",
    "iou": "jaccard jaccard_index jaccard_score jaccard_coefficient jaccard_similarity jaccard_similarity_coefficient "
    "jc jac intersection_over_union",
    "precision": "ppv positive_predictive_value positive_predictivity",
    "recall": "sensitivity tpr true_positive_rate hit_rate",
    "specificity": "tnr true_negative_rate selectivity",
    "accuracy": "acc pixel_accuracy voxel_accuracy",
    "balanced_accuracy": "ba bacc balanced_acc",
    "f_beta": "fbeta fbeta_score f_beta_score",
    "volume_similarity": "volumetric_similarity vs",
    "volume_difference": "volumetric_difference signed_volume_difference",
    "relative_volume_difference": "rvd relative_volumetric_difference volume_difference_ratio",
    "mcc": "matthews matthews_corrcoef matthews_correlation matthews_correlation_coefficient phi_coefficient",
    "cohen_kappa": "kappa cohens_kappa cohen_kappa_score",
    "youden": "youden_j youdens_j youden_index youdens_index informedness bookmaker_informedness",
    "hd": "hausdorff hausdorff_distance maximum_hausdorff_distance max_hausdorff_distance",
    "assd": "average_symmetric_surface_distance symmetric_average_surface_distance",
    "masd": "mean_average_surface_distance",
    "nsd": "surface_dice surface_dsc surface_dice_score surface_dice_coefficient surface_dice_at_tolerance "
    "normalized_surface_dice normalised_surface_dice normalized_surface_distance normalised_surface_distance",
    "boundary_iou": "biou boundary_jaccard",
    "instance_tp": "lesion_tp instance_true_positives",
    "instance_fp": "lesion_fp instance_false_positives",
    "instance_fn": "lesion_fn instance_false_negatives",
    "instance_precision": "instance_ppv lesion_precision lesion_ppv lesion_wise_precision detection_precision",
    "instance_recall": "instance_sensitivity lesion_recall lesion_sensitivity lesion_wise_recall "
    "lesion_wise_sensitivity detection_recall detection_rate",
    "recognition_quality": "rq instance_f1 instance_f1_score lesion_f1 lesion_f1_score lesion_wise_f1 "
    "lesion_wise_f1_score detection_f1 detection_f1_score",
    "segmentation_quality": "sq mean_matched_score",
    "panoptic_quality": "pq",
    "instance_accuracy": "instance_threat_score instance_critical_success_index",
    "mean_reference_score": "mean_true_score",
    "mean_instance_score": "lesion_wise_score",
    "false_positive_volume": "fpv fp_volume",
    "false_negative_volume": "fnv fn_volume",
    "instance_count_difference": "lesion_count_difference",
}

#: another name, of letters, digits and underscores, to the one of the table
SYNONYMS = {other: name for name, others in _LISTS.items() for other in others.split()}

_DIRECTED = (
    "'asd_prediction_to_reference' (directed, MedPy's), 'asd_reference_to_prediction', "
    "'assd' (mean over both surfaces pooled) or 'masd' (mean of the two means)"
)
_AVERAGE = f"it stands for several: ask for {_DIRECTED}"
_PERCENTILE = "it is a percentile of the Hausdorff distance: say which, as in 'hd95'"


def _complement(of: str) -> str:
    return f"it is 1 − {of}: ask for {of!r}"


#: a name that is refused, to what it may mean or how it is had
AMBIGUOUS = {
    **dict.fromkeys(
        (
            "asd",
            "average_surface_distance",
            "mean_surface_distance",
            "surface_distance",
            "mean_surface_to_surface_distance",
        ),
        _AVERAGE,
    ),
    "msd": f"it stands for the maximum, 'hd', and for several means: {_DIRECTED}",
    "mssd": f"it stands for the maximum, 'hd', and for several means: {_DIRECTED}",
    **dict.fromkeys(
        ("ahd", "average_hausdorff", "average_hausdorff_distance", "avd_hausdorff"),
        "its usual definitions differ: ask for 'masd' or 'assd', over surfaces, or for a percentile as in 'hd95'",
    ),
    **dict.fromkeys(
        (
            "robust_hausdorff",
            "robust_hausdorff_distance",
            "percentile_hausdorff",
            "hd_perc",
            "hausdorff_percentile",
        ),
        _PERCENTILE,
    ),
    **dict.fromkeys(("fpr", "false_positive_rate", "fall_out"), _complement("specificity")),
    **dict.fromkeys(("fnr", "false_negative_rate", "miss_rate"), _complement("recall")),
    **dict.fromkeys(("fdr", "false_discovery_rate"), _complement("precision")),
    **dict.fromkeys(
        ("voe", "volume_overlap_error", "volumetric_overlap_error", "jaccard_distance"),
        _complement("iou"),
    ),
    **dict.fromkeys(("dice_loss", "dice_distance"), _complement("dice")),
    **dict.fromkeys(
        ("npv", "negative_predictive_value"),
        "it is TN / (TN + FN), which the columns tn and fn of the table give",
    ),
    **dict.fromkeys(
        ("ravd", "relative_absolute_volume_difference", "absolute_relative_volume_difference"),
        "MedPy's has a sign and others have none: ask for 'relative_volume_difference' and take its absolute value "
        "if need be",
    ),
    **dict.fromkeys(
        ("avd", "absolute_volume_difference", "volume_error"),
        "it is the absolute value of a difference: ask for 'volume_difference' or 'relative_volume_difference'",
    ),
    **dict.fromkeys(
        ("ap", "average_precision"),
        "cell segmentation calls 'instance_accuracy' so, TP / (TP + FP + FN) of instances; elsewhere it is an area "
        "under a curve of precision over recall",
    ),
    **dict.fromkeys(
        ("mdice", "mean_dice"), "ask for 'dice'; the summary has its mean over cases by label"
    ),
    **dict.fromkeys(
        ("miou", "mean_iou", "jaccard_mean"),
        "ask for 'iou'; the summary has its mean over cases by label",
    ),
}

# between two digits they would become a decimal point: hd9 5 is no 9.5
_SEPARATORS = re.compile(r"(?<!\d)[\s\-]+|[\s\-]+(?!\d)")
_PERCENTILE_OF_HD = re.compile(
    r"(?:hd|hausdorff(?:_distance)?)_?p?(\d+(?:[._]\d+)?)(?:th)?_?%?|(\d+(?:[._]\d+)?)(?:th)?_?hd"
)


def plain_name(name: str) -> str:
    """Write a name as the tables write names: in lower case, with underscores, without apostrophes.

    Examples
    --------
    >>> plain_name(" Cohen's Kappa")
    'cohens_kappa'
    """
    return _SEPARATORS.sub("_", name.strip().casefold().replace("'", "").replace("’", ""))


def one_name(name: str) -> str:
    """Give the name of the table for another name of a metric; a name that is no synonym in plain letters.

    Examples
    --------
    >>> one_name("Sensitivity"), one_name("HD95"), one_name("hausdorff_95"), one_name("assd")
    ('recall', 'hd95', 'hd95', 'assd')
    """
    plain = plain_name(name)
    if plain in SYNONYMS:
        return SYNONYMS[plain]
    percentile = _PERCENTILE_OF_HD.fullmatch(plain)
    if percentile:
        return f"hd{percentile[1] or percentile[2]}"
    return plain
