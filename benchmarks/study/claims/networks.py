"""Sections 5 and 6: networks, from LeNet to transformers."""

from __future__ import annotations

from benchmarks.study.claims import Found, claim
from benchmarks.study.claims.readings import (
    BILINEAR,
    BOTTLENECK,
    DILATED,
    LENET,
    MULTI_ATLAS,
    MULTI_SCALE,
    UNET,
    UNETR,
    difference,
    falls_more,
    mean,
    present,
    seconds,
    shown,
)
from benchmarks.study.tables import Missing, Tables

UNETS = (UNET, BILINEAR)


@claim(
    *("5.1.1", "A LeNet whose last layers are convolutions gives a map of an image of any size."),
    "Dice of clean images",
    shown=0.5,
    contradicted=0.1,
)
def lenet_segments(tables: Tables) -> Found:
    found = mean(tables, "dice", method=LENET, difficulty="clean")
    return Found(found, f"mean Dice {found:.3f}")


@claim(
    *("5.1.1", "The map is coarse, and is only scaled up."),
    "boundary IoU of clean images, LeNet minus U-Net",
    shown=-0.05,
    contradicted=0.0,
)
def lenet_is_coarse(tables: Tables) -> Found:
    return difference(tables, "boundary_iou", LENET, UNETS, ("LeNet", "U-Net"))


@claim(
    *("6", "A decoder brings a low representation back to the resolution of the image."),
    "Dice of clean images, U-Net minus LeNet",
    shown=0.02,
    contradicted=0.0,
)
def decoders_bring_back_resolution(tables: Tables) -> Found:
    return difference(tables, "dice", UNETS, LENET, ("U-Net", "LeNet"))


@claim(
    *("6.1.3", "Transposed convolutions learn to sample up; is what they learn better?"),
    "Dice of clean images, U-Net with transposed convolutions minus with bilinear upsampling",
    shown=0.01,
    contradicted=-0.01,
)
def learned_upsampling_helps(tables: Tables) -> Found:
    return difference(tables, "dice", UNET, BILINEAR, ("transposed", "bilinear"))


@claim(
    *("6.1.3", "They overlap unevenly, which leaves a pattern in what they draw."),
    "components too many or too few in clean images, transposed minus bilinear",
    shown=0.5,
    contradicted=0.0,
    ours=True,
)
def learned_upsampling_leaves_patterns(tables: Tables) -> Found:
    return difference(tables, "betti_0_error", UNET, BILINEAR, ("transposed", "bilinear"))


@claim(
    *("6.1.4", "Dilated convolutions see far without giving up resolution."),
    "boundary IoU of clean images, dilated minus LeNet",
    shown=0.02,
    contradicted=0.0,
)
def dilation_keeps_resolution(tables: Tables) -> Found:
    return difference(tables, "boundary_iou", DILATED, LENET, ("dilated", "LeNet"))


@claim(
    *("6.1.5", "A pyramid of them stands beside an encoder and decoder."),
    "Dice of clean images, dilated with a pyramid minus U-Net",
    shown=-0.02,
    contradicted=-0.1,
    ours=True,
)
def pyramids_stand_beside_unets(tables: Tables) -> Found:
    return difference(tables, "dice", DILATED, UNETS, ("pyramid", "U-Net"))


@claim(
    *("6.1.7", "A pathway with the image at lower resolution adds context."),
    "Dice of all structures of clean images, pathways at several scales minus LeNet",
    shown=0.02,
    contradicted=0.0,
)
def more_scales_add_context(tables: Tables) -> Found:
    return difference(tables, "dice", MULTI_SCALE, LENET, ("several scales", "LeNet"))


@claim(
    *("6.2", "Transformers need more to learn from than convolutions do."),
    "Dice of clean images after about as long a training, UNETR minus U-Net",
    shown=-0.02,
    contradicted=0.0,
    ours=True,
)
def transformers_need_more(tables: Tables) -> Found:
    found = difference(tables, "dice", UNETR, UNETS, ("UNETR", "U-Net"))
    return Found(found.number, f"{found.told}{trained(tables, UNETR)}{trained(tables, UNET)}")


@claim(
    *("6.2", "They learn slower."),
    "steps until the validation's Dice is half of U-Net's best, UNETR ÷ U-Net",
    shown=1.5,
    contradicted=0.7,
    ours=True,
)
def transformers_learn_slower(tables: Tables) -> Found:
    curves = {name: curve(tables, name) for name in (UNETR, UNET)}
    goal = max(curves[UNET].values()) / 2
    steps = {}
    for name, values in curves.items():
        reached = [step for step, dice in values.items() if dice >= goal]
        # what never gets there is taken to need at least as long as it had
        steps[name] = min(reached) if reached else max(values)
    told = f"Dice {goal:.2f}: UNETR step {steps[UNETR]}; U-Net step {steps[UNET]}"
    return Found(max(steps[UNETR], 1) / max(steps[UNET], 1), told)


def trained(tables: Tables, method: str) -> str:
    """Tell how long a network learned, where it recorded that."""
    try:
        rows = tables.recorded(method)
    except Missing:
        return ""
    if not {"steps", "training"} <= set(rows.columns):
        return ""
    last = rows.dropna(subset=["steps"])
    return f"; {method} {last['steps'].mean():.0f} steps in {last['training'].mean():.0f} s"


def curve(tables: Tables, method: str) -> dict[int, float]:
    """Give the mean Dice of the validation subjects by step."""
    rows = tables.recorded(present(tables, method)[0])
    if not {"step", "dice"} <= set(rows.columns):
        raise Missing(f"{method} recorded no Dice while it learned")
    rows = rows.dropna(subset=["step", "dice"])
    found = rows.groupby("step")["dice"].mean()
    if found.empty:
        raise Missing(f"{method} was not validated while it learned")
    return {int(step): float(dice) for step, dice in found.items()}


@claim(
    *("6.2", "A transformer fits into the bottleneck of a U-Net, and sees the whole image there."),
    "Dice of clean images, U-Net with a transformer minus U-Net",
    shown=-0.01,
    contradicted=-0.05,
    ours=True,
)
def transformers_fit_into_unets(tables: Tables) -> Found:
    return difference(tables, "dice", BOTTLENECK, UNETS, ("with transformer", "U-Net"))


@claim(
    *("6.2", "Attention to everything costs."),
    "seconds of an image, UNETR ÷ U-Net",
    shown=1.2,
    contradicted=1.0,
    ours=True,
)
def attention_costs(tables: Tables) -> Found:
    one = seconds(tables, present(tables, UNETR)[0])
    others = [seconds(tables, name) for name in present(tables, UNETS)]
    other = sum(others) / len(others)
    return Found(one / other, f"UNETR {shown(one)} s; U-Net {shown(other)} s")


@claim(
    *("6", "What learned from clean images only is not robust to others."),
    "by how much more U-Nets lose in Dice than several atlases do, under the hardest noise",
    shown=0.05,
    contradicted=0.0,
    ours=True,
)
def networks_mind_what_they_never_saw(tables: Tables) -> Found:
    names = ("U-Net", "several atlases")
    return falls_more(tables, "dice", "noise", UNETS, MULTI_ATLAS, names)
