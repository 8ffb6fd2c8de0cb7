"""The page of ``benchmark refine`` says in words what was done and what came out, and holds all it shows."""

from __future__ import annotations

import re

import numpy as np
import pytest

import dcd
from benchmarks.refinement_page import say_what_came_out, say_what_was_done, write_refinement_page
from dcd.langevin.transition import LangevinInfo
from pairs import Net, Normal, Pair, Record

ZERO = {name: 0.5 for name in ("precision", "recall", "density", "coverage")}


def block(fid, half, **more):
    cis = {f"{name}_ci": [-0.1, 0.1] for name in ZERO}
    return {"fid": fid, "fid_ci": [fid - half, fid + half], **ZERO, **cis, **more}


def report(change, half=1.0, **more):
    return {
        "pair": "<small>",
        "data": "noise",
        "n": 12,
        "config": dcd.Langevin("latent", 2, 0.05).to_dict(),
        "features": {"name": "net-a", "dim": 4, "sha256": ""},
        "reference": {"split": "test", "n": 1000, "rows": 10},
        "before": block(20.0, 2.0),
        "after": block(20.0 + change, 2.0),
        "difference": block(change, half, **more.pop("difference", {})),
        **more,
    }


@pytest.mark.parametrize(
    "change,half,words",
    [
        (-5.0, 1.0, "The samples came nearer to the real images by 25 %"),
        (5.0, 1.0, "The samples moved away from the real images by 25 %"),
        (-5.0, 6.0, "No change of the distance to the real images was shown"),
    ],
)
def test_the_verdict_is_what_the_interval_of_the_change_shows(change, half, words) -> None:
    said = say_what_came_out(report(change, half))
    assert said[0].startswith(words) and "20.0 ± 2.0 before" in said[0]
    assert said[1] == "No change of precision, recall, density or coverage was shown."


def test_the_second_judge_is_heard_and_changes_that_are_shown_are_named() -> None:
    judge = report(-1.0, 3.0) | {"features": {"name": "net-b", "dim": 4, "sha256": ""}}
    said = say_what_came_out(report(-5.0, judge=judge, difference={"recall_ci": [-0.2, -0.1]}, stopped=3))
    assert said[1].startswith("The second judge, net-b, does not agree: no change of the distance")
    assert said[2] == "Shown besides: recall fell from 0.50 to 0.50." and said[3].startswith("3 samples met NaN")
    agreed = say_what_came_out(report(-5.0, judge=report(-1.0, 0.5)))
    assert agreed[1].startswith("The second judge, net-a, agrees: the samples came nearer")


def test_what_was_done_names_chain_samples_and_data() -> None:
    said = say_what_was_done(report(-5.0))
    assert said.startswith("12 samples of <small> were drawn, and each was moved by 2 steps of a Langevin chain")
    assert said.endswith("compared with 1,000 real images of noise (test split) in the features of net-a.")
    still = report(0.0) | {"config": dcd.Langevin("latent", 0, 0.05).to_dict()}
    assert "were drawn and left as they are" in say_what_was_done(still)
    said = say_what_was_done(still | {"budget": 0.25})
    assert "were drawn and other samples were selected in their place at an acceptance of 0.25." in said


def _write(path, given) -> str:
    x = np.random.default_rng(0).uniform(-1, 1, (12, 8, 8, 1)).astype(np.float32)
    score = np.arange(12, dtype=np.float32)
    trace = LangevinInfo(*([score[None]] * len(LangevinInfo._fields)))
    result = dcd.Result(x, -x, x, x, trace, -score, score > 99, {}, dcd.Langevin("latent", 1, 0.05), score)
    nets = Net(None, len), Net(None, len)
    pair = Pair(*nets, Normal((4,)), (8, 8, 1), (-1.0, 1.0), "logit", record=Record(name="small"))
    write_refinement_page(path, pair, given, result, {"curves": b"png"})
    return path.read_text()


def test_selected_samples_are_not_shown_as_the_same_latents(tmp_path) -> None:
    text = _write(tmp_path / "selected.html", report(-5.0, budget=0.25))
    assert "The same latents" not in text and "Changed most" not in text
    assert "<h2>Samples before and after</h2>" in text and "those after are other samples" in text


def test_the_page_is_one_file_with_alternatives_for_every_picture(tmp_path) -> None:
    text = _write(tmp_path / "r.html", report(-5.0, judge=report(-1.0), warnings=["12 samples are few"]))
    assert "<h2>The same latents before and after</h2>" in text and "Changed most" in text
    images = re.findall(r"<img [^>]*>", text)
    assert len(images) == 5 and all('alt="' in i and "data:image/png;base64," in i for i in images)
    assert text.count("<table>") == 2 and "&lt;small&gt;" in text and "<small>" not in text and "http" not in text
    assert "Note: 12 samples are few" in text and 'type="range"' in text
