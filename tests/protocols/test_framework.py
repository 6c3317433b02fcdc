"""What every protocol has to have, and what the framework does with it: options, quirks, axes, cohorts, files."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import fastseg
from fastseg.cli.app import run
from fastseg.measures.joint_histogram import Counts
from fastseg.protocols.framework import registry
from fastseg.protocols.framework.homes import HOMES
from fastseg.protocols.framework.label_pair import LabelPair
from fastseg.protocols.framework.options import Options
from fastseg.protocols.framework.protocol import Protocol, Quirk, Score
from fastseg.protocols.framework.settings import ProtocolSettings
from fastseg.results.instance import COLUMNS
from fastseg.results.rows import Row, columns

ALL = registry.list_protocols()


@pytest.mark.parametrize("protocol", ALL, ids=[one.name for one in ALL])
class TestEveryProtocol:
    def test_it_says_what_it_is(self, protocol: Protocol) -> None:
        assert protocol.title
        assert len(protocol.about) > 40
        assert "@" in protocol.source or " " in protocol.source
        text = protocol.described()
        for quirk in protocol.quirks:
            assert re.fullmatch(r"[a-z0-9-]+", quirk.name), quirk.name
            assert quirk.about.endswith(".")
            assert quirk.example, f"{quirk.name} has no example"
            assert re.match(r"[A-Z0-9].*\.$", quirk.example), quirk.example
            assert quirk.name in text
        for name in protocol.options:
            assert name in text

    def test_its_rules_are_in_one_language(self, protocol: Protocol) -> None:
        rules = protocol.rules
        assert re.fullmatch("–|(6|18|26) neighbours(; 4 in 2-D)?", rules.connectivity)
        assert (rules.connectivity == "–") == (rules.dilation == "–")
        assert not re.search("both sides|without counterpart", " ".join(vars(rules).values()))

    def test_its_scores_are_columns_of_their_own(self, protocol: Protocol) -> None:
        names = [score.name for score in protocol.scores]
        assert len(set(names)) == len(names) > 0
        ours = {*columns((), algorithm=True), *COLUMNS} - {*Counts._fields}
        assert not ours & set(names)

    def test_its_settings_can_be_sent_elsewhere(self, protocol: Protocol) -> None:
        settings = ProtocolSettings.of(protocol.name)
        assert pickle.loads(pickle.dumps(settings)) == settings
        assert settings.identity["protocol"]["quirks"] == {q.name: True for q in protocol.quirks}


def _evaluate(pair: LabelPair, options: Options) -> list[Row]:
    first = float(pair.reference.reshape(-1)[1]) if options.quirk("first") else 0.0
    values = {"axis": float(pair.shape[0]), "first": first, "twice": options["factor"]}
    return [pair.row(structure, values) for structure in pair.labels]


TOY = Protocol(
    name="toy",
    title="A toy",
    source="nobody",
    about="Gives the length of the first axis.",
    scores=(Score("axis", None), Score("first"), Score("twice")),
    labels={"lesion": 1},
    axes="zyx",
    options={"factor": 2.0, "whole": 3, "on": True},
    quirks=(Quirk("first", "Gives the second voxel."),),
    evaluate=_evaluate,
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Protocol:
    module = type("module", (), {"PROTOCOLS": (TOY,)})
    monkeypatch.setitem(HOMES, "toy", "toy")
    monkeypatch.setitem(__import__("sys").modules, "fastseg.protocols.toy", module)
    return TOY


def _save(path: Path, labels: np.ndarray) -> None:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(labels, np.diag([1.0, 2.0, 3.0, 1.0])), path)


def test_images_come_with_the_axes_of_the_script(toy: Protocol, tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    labels = np.zeros((2, 3, 4), np.uint8)
    labels[0, 0, 1] = 1
    for name in ("r.nii", "p.nii"):
        _save(tmp_path / name, labels)
    of_files = fastseg.evaluate_protocol("toy", tmp_path / "r.nii", tmp_path / "p.nii")
    assert of_files.settings["spacing"] == [3.0, 2.0, 1.0]
    assert of_files.settings["unit"] == "mm"
    assert of_files["lesion"]["axis"] == 4
    assert of_files["lesion"]["first"] == 0  # the next along x
    assert of_files.cases == ("p",)
    of_arrays = fastseg.evaluate_protocol("toy", labels, labels, spacing=(1, 2, 3))
    assert of_arrays.settings["spacing"] == [1.0, 2.0, 3.0]
    assert (of_arrays["lesion"]["axis"], of_arrays["lesion"]["first"]) == (2, 1)


def test_quirks_and_options_are_overridden_by_name(toy: Protocol) -> None:
    labels = np.ones((2, 2), np.uint8)
    given = fastseg.evaluate_protocol("TOY", labels, labels, quirks={"first": False}, factor=5)
    assert (given["lesion"]["first"], given["lesion"]["twice"]) == (0.0, 5.0)
    assert given.settings["protocol"] == {
        "name": "toy",
        "options": {"factor": 5.0, "whole": 3, "on": True},
        "quirks": {"first": False},
    }
    none = fastseg.evaluate_protocol("toy", labels, labels, quirks=False)
    assert none["lesion"]["first"] == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"facto": 1}, "protocol toy: unknown option 'facto'; did you mean 'factor'"),
        ({"factor": "1"}, "factor: expected a number such as 2.0, got the text '1'"),
        ({"whole": 1.5}, "whole: expected a whole number such as 3, got 1.5"),
        ({"on": 1}, "on: expected True or False, got 1"),
        (
            {"quirks": {"first-one": False}},
            "quirks of toy: unknown 'first-one'; did you mean 'first'",
        ),
        ({"quirks": {"first": 0}}, "expected True or False, got 0"),
        ({"quirks": "first"}, "quirks: expected True, False or a mapping"),
    ],
)
def test_what_a_protocol_does_not_know_is_refused(
    toy: Protocol, options: dict[str, object], message: str
) -> None:
    labels = np.ones((2, 2), np.uint8)
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        fastseg.evaluate_protocol("toy", labels, labels, **options)  # type: ignore[arg-type]


def test_an_unknown_protocol_is_refused() -> None:
    labels = np.ones((2, 2), np.uint8)
    with pytest.raises(fastseg.InputError, match="did you mean 'hecktor'"):
        fastseg.evaluate_protocol("hector", labels, labels)
    with pytest.raises(fastseg.InputTypeError, match="expected a name, got 3"):
        fastseg.evaluate_protocol(3, labels, labels)  # type: ignore[arg-type]
    with pytest.raises(fastseg.InputError, match="no protocol made this evaluation"):
        fastseg.protocol_scores(fastseg.evaluate(labels, labels))


def _cohort(folder: Path) -> tuple[Path, Path]:
    rng = np.random.default_rng(5)
    for side in ("r", "p"):
        (folder / side).mkdir()
    for case in "abc":
        for side in ("r", "p"):
            np.save(folder / side / f"{case}.npy", rng.integers(0, 3, (6, 7, 8)).astype(np.uint8))
    (folder / "p" / "c.npy").unlink()
    return folder / "r", folder / "p"


@pytest.mark.filterwarnings("ignore:.*no prediction")
def test_a_cohort_scores_as_the_organiser_does(tmp_path: Path) -> None:
    reference, prediction = _cohort(tmp_path)
    stream = tmp_path / "s.jsonl"
    found = fastseg.evaluate_cohort(reference, prediction, protocol="hecktor", output=stream)
    tp = both = 0
    for case in "abc":
        one = np.load(reference / f"{case}.npy") == 1
        path = prediction / f"{case}.npy"
        other = np.load(path) == 1 if path.exists() else np.zeros_like(one)
        tp, both = tp + int((one & other).sum()), both + int(one.sum()) + int(other.sum())
    scores = fastseg.protocol_scores(found)
    assert scores["AggregatedDsc/GTVp"] == pytest.approx(2 * tp / both, rel=1e-15)
    assert found.settings["cohort_scores"] == scores
    assert fastseg.read_results(stream).settings["cohort_scores"] == scores
    again = fastseg.evaluate_cohort(
        reference, prediction, protocol="hecktor", output=stream, resume=True
    )
    assert again.rows == found.rows


@pytest.mark.filterwarnings("ignore:.*no prediction")
def test_the_command_line_scores_and_lists(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, prediction = map(str, _cohort(tmp_path))
    assert run(["evaluate", reference, prediction, "--protocol", "hecktor"]) == 1
    shown = capsys.readouterr().out
    assert "DSC" in shown
    assert "AggregatedDsc/mean" in shown
    assert run(["protocols"]) == 0
    assert "hnts-mrg" in capsys.readouterr().out
    assert run(["protocols", "hecktor"]) == 0
    assert "Adds up twice the overlap" in capsys.readouterr().out
    for wrong, message in (
        (["--protocol", "hector"], "did you mean 'hecktor'"),
        (["--protocol", "hecktor", "--metrics", "dice"], "decides on it itself"),
        (["--protocol", "hecktor", "--protocol-option", "x=1"], "unknown option 'x'"),
        (["--protocol", "hecktor", "--protocol-option", "x"], "expected NAME=VALUE"),
        (["--without-quirk", "x"], "name it with --protocol"),
    ):
        assert run(["evaluate", reference, prediction, *wrong]) == 2
        assert message in capsys.readouterr().err


def test_the_table_of_structures_has_their_columns_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[1:5, 1:5, 1:5] = 3
    for name in ("r.npy", "p.npy"):
        np.save(tmp_path / name, labels)
    pair = [str(tmp_path / name) for name in ("r.npy", "p.npy")]
    assert run(["evaluate", *pair, "--protocol", "brats2023"]) == 0
    shown = capsys.readouterr().out
    assert "LesionWise_Score_Dice" in shown
    assert "dice_lesionwise" not in shown  # of single lesions
    row = next(line.split() for line in shown.splitlines() if line.strip().startswith("ET"))
    assert row[:5] == ["ET", "3", "1", "0", "0"]  # TP, FP and FN


def test_labels_that_nobody_asked_for_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.full((3, 4, 5), 4, np.uint8)
    labels[0] = 1
    told = fastseg.evaluate_protocol("brats2023", labels, labels).settings["unlisted_labels"]
    assert told == {"reference": {4: 40}, "prediction": {4: 40}}
    assert "unlisted_labels" not in fastseg.evaluate_protocol("isles22", labels, labels).settings
    np.save(tmp_path / "r.npy", labels)
    assert run(["evaluate", *[str(tmp_path / "r.npy")] * 2, "--protocol", "hecktor"]) == 0
    assert "labels that were not asked for: 4 (40 voxels)" in capsys.readouterr().err


def test_several_values_are_separated_by_commas(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "r.npy", np.ones((4, 5), np.uint8))
    pair = ["evaluate", *[str(tmp_path / "r.npy")] * 2, "--protocol"]
    for value in ("0.5,0.75", "[0.5, 0.75]"):
        assert run([*pair, "stardist", "--protocol-option", f"thresh={value}"]) == 0
        assert "instances@0.75" in capsys.readouterr().out
    assert run([*pair, "panoptica", "--protocol-option", "metrics=DSC,ASSD"]) == 0
    assert "sq_assd" in capsys.readouterr().out
    assert run([*pair, "stardist", "--protocol-option", "thresh=0.5,x"]) == 2
    assert "thresh: expected a number such as 0.5, got the text 'x'" in capsys.readouterr().err
