import csv
import dataclasses
import io
import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import kaplan_meier
from survival_bzd.report import Artefact
from survival_bzd.report.figures import SIZES, omitted_figures, paper_figures
from survival_bzd.report.figures.sheet import Sheet
from survival_bzd.report.figures.sizes import size_named
from survival_bzd.report.paper_results import EndpointFacts, PaperResults

KEYS = ["flow", "relapse_free", "relapse_free_by_arm", "forest", "swimmer"]

Sheets = dict[str, Sheet]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Sheets:
    """Collect the sheets instead of writing their files, which takes most of the time."""
    sheets: Sheets = {}

    def keep(self: Sheet, key: str, title: str, alt: str) -> None:
        sheets[key] = self
        self.canvas.draw_without_rendering()
        assert title
        assert alt.endswith(".")

    monkeypatch.setattr(Sheet, "finish", keep)
    return sheets


def bare(tte: TimeToEvent, **given: Any) -> PaperResults:
    """Return the results of rows that came without records."""
    return PaperResults(
        study="bare",
        title="Bare",
        endpoint=EndpointFacts(label="relapse"),
        tte=tte,
        curves=kaplan_meier(tte),
        **given,
    )


def texts(sheet: Sheet) -> list[Any]:
    from matplotlib.text import Text

    return [one for one in sheet.canvas.findobj(Text) if one.get_text() and one.get_visible()]


def rows(file: Artefact) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.content.decode())))


@pytest.mark.parametrize("size", list(SIZES))
def test_no_text_is_cut_off_or_too_small(results: PaperResults, drawn: Sheets, size: str):
    paper_figures(dataclasses.replace(results, size=size))
    assert list(drawn) == KEYS
    for key, sheet in drawn.items():
        width, height = sheet.canvas.bbox.width, sheet.canvas.bbox.height
        for text in texts(sheet):
            box = text.get_window_extent()
            assert -1 <= box.x0 <= box.x1 <= width + 1, (key, text.get_text())
            assert -1 <= box.y0 <= box.y1 <= height + 1, (key, text.get_text())
            assert text.get_fontsize() >= 5


def test_no_texts_overlap(results: PaperResults, drawn: Sheets):
    paper_figures(results)
    for key, sheet in drawn.items():
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts(sheet)]
        for number, (one, box) in enumerate(boxes):
            for other, second in boxes[number + 1 :]:
                wide = min(box.x1, second.x1) - max(box.x0, second.x0)
                tall = min(box.y1, second.y1) - max(box.y0, second.y0)
                assert min(wide, tall) < 2, (key, one, other)


def test_the_curve_is_drawn_from_the_numbers_of_the_csv(
    results: PaperResults, files: dict[str, Artefact], drawn: Sheets
):
    paper_figures(results)
    everybody = [row for row in rows(files["curves/relapse_free.csv"]) if row["group"] == ""]
    time = [float(row["time_displayed"]) for row in everybody]
    survival = [float(row["survival"]) for row in everybody]
    lines = [line for line in drawn["relapse_free"].canvas.axes[0].lines]
    steps = [line for line in lines if line.get_drawstyle() == "steps-post"]
    points = sorted({point for line in steps for point in zip(*line.get_data(), strict=True)},
                    key=lambda point: (point[0], -point[1]))  # fmt: skip
    assert_allclose(points, [(0, 1), *zip(time, survival, strict=True)], rtol=1e-11)
    marks = next(line for line in lines if line.get_marker() == "|")
    censored = [(float(row["time_displayed"]), float(row["survival"]))
                for row in everybody if float(row["censored"])]  # fmt: skip
    assert_allclose(np.transpose(marks.get_data()), censored, rtol=1e-11)


def test_the_table_under_the_axis_is_the_risk_csv(
    results: PaperResults, files: dict[str, Artefact], drawn: Sheets
):
    paper_figures(results)
    everybody = [row for row in rows(files["curves/relapse_free_at_risk.csv"]) if not row["group"]]
    shown = [text.get_text() for text in texts(drawn["relapse_free"])]
    for column, label in (("at_risk", "At risk"), ("events", "Relapsed"), ("censored", "Censored")):
        start = shown.index(label) + 1
        assert shown[start : start + len(everybody)] == [row[column] for row in everybody]


def test_at_risk_counts_those_who_relapse_or_are_censored_at_the_tick():
    from survival_bzd.report.curves import risk_csv
    from survival_bzd.report.time_axis import axis_ticks

    tte = TimeToEvent([60] * 3 + [182] * 2 + [273], [1, 0, 1, 0, 1, 0], unit="days")
    curves = kaplan_meier(tte)
    written = list(
        csv.DictReader(io.StringIO(risk_csv(curves, axis_ticks(curves), synthetic=False)))
    )
    counts = {row["time"]: row["at_risk"] for row in written}
    assert (counts["60"], counts["182"], counts["243"]) == ("6", "3", "1")


def test_the_curve_is_lighter_where_few_are_at_risk(results: PaperResults, drawn: Sheets):
    from matplotlib.colors import to_rgb

    paper_figures(results)
    steps = [line for line in drawn["relapse_free"].canvas.axes[0].lines
             if line.get_drawstyle() == "steps-post"]  # fmt: skip
    assert len(steps) == 2
    assert sum(to_rgb(steps[1].get_color())) > sum(to_rgb(steps[0].get_color()))
    # Eight patients; from the fourth time on fewer than five are left.
    assert_allclose(steps[0].get_xdata()[-1], 150 / 30.4375)


@pytest.mark.parametrize(
    ("time", "event"), [([37.0], [1]), ([37.0], [0]), ([0.0, 0.0], [1, 0]), ([5.0, 60.0], [0, 0])]
)
def test_one_patient_no_relapse_or_no_time_still_give_a_curve(
    drawn: Sheets, time: list[float], event: list[int]
):
    paper_figures(bare(TimeToEvent(time, event, unit="days")))
    assert list(drawn) == ["relapse_free"]
    assert drawn["relapse_free"].canvas.axes[0].lines


def test_synthetic_data_says_so_on_every_figure(results: PaperResults, drawn: Sheets):
    paper_figures(results)
    for sheet in drawn.values():
        assert "Synthetic data" in [text.get_text() for text in texts(sheet)]
    paper_figures(dataclasses.replace(results, synthetic=False))
    for sheet in drawn.values():
        assert "Synthetic data" not in [text.get_text() for text in texts(sheet)]


def test_without_a_control_group_the_forest_plot_claims_no_effect(
    results: PaperResults, drawn: Sheets
):
    paper_figures(results)
    assert any("not effects" in text.get_text() for text in texts(drawn["forest"]))


def test_figures_that_cannot_be_drawn_are_named():
    rows = bare(TimeToEvent([5, 9], [1, 0]))
    assert [words.partition(":")[0] for words in omitted_figures(rows)] == [
        "no flow diagram", "no interval-censored curve", "no cumulative incidence",
        "no forest plot", "no swimmer plot",
    ]  # fmt: skip
    many = bare(TimeToEvent(np.arange(61) + 1, np.ones(61, dtype=int)))
    assert "61 patients are more than the 60" in omitted_figures(many)[-1]


def test_an_unknown_size_is_refused():
    with pytest.raises(BadInput, match="lancet-single"):
        size_named("poster")


def test_files_carry_fonts_and_no_date(files: dict[str, Artefact]):
    for key in KEYS:
        pdf, svg = (files[f"figures/{key}.{ending}"].content for ending in ("pdf", "svg"))
        assert b"/FontFile2" in pdf
        assert b"/Type3" not in pdf
        assert b"CreationDate" not in pdf
        assert b"dc:date" not in svg
        assert re.search(rb"<title>.", svg) or b"dc:title" in svg
        assert files[f"figures/{key}.png"].content.startswith(b"\x89PNG")


def test_a_band_lasts_as_long_as_its_limits(drawn: Sheets):
    # The limits of the last piece are open where survival reaches 0; those before it are not.
    tte = TimeToEvent([34, 130, 140], [1, 0, 1], unit="days")
    paper_figures(bare(tte))
    corners = [
        corner
        for band in drawn["relapse_free"].canvas.axes[0].collections
        for path in band.get_paths()
        for corner in path.vertices[:, 0].tolist()
    ]
    assert_allclose([min(corners) * 30.4375, max(corners) * 30.4375], [34, 140], rtol=1e-12)


def test_who_enters_late_is_drawn_at_risk_from_then(results: PaperResults, drawn: Sheets):
    tte = results.tte
    late = dataclasses.replace(tte, entry=np.array([10.0, *[np.nan] * (tte.n - 1)]))
    paper_figures(dataclasses.replace(results, tte=late))
    bars = drawn["swimmer"].canvas.axes[0].patches
    starts = [bar.get_x() * 30.4375 for bar in bars[: tte.n]]
    assert_allclose(starts, [10, *[0] * (tte.n - 1)])
    for key, words in (("swimmer", "a later entry"), ("relapse_free", "who enters late")):
        assert words in " ".join(text.get_text() for text in texts(drawn[key])).replace("\n", " ")


def test_the_curve_is_lighter_where_few_have_entered_yet(results: PaperResults, drawn: Sheets):
    from matplotlib.colors import to_rgb

    # Six are followed from the origin, four of them until day 60; six more enter on day 100.
    time = np.array([60.0] * 4 + [400.0] * 8)
    entry = np.array([np.nan] * 6 + [100.0] * 6)
    tte = TimeToEvent(time, np.ones(12, dtype=int), entry=entry)
    (curve,) = kaplan_meier(tte)
    assert curve.at_risk.tolist() == [6, 8]
    paper_figures(dataclasses.replace(results, tte=tte, curves=(curve,), trace=None))
    steps = [line for line in drawn["relapse_free"].canvas.axes[0].lines
             if line.get_drawstyle() == "steps-post"]  # fmt: skip
    spans = [(line.get_xdata()[[0, -1]] * 30.4375).tolist() for line in steps]
    assert_allclose(spans, [[0, 60], [60, 100], [100, 400]])
    brightness = [sum(to_rgb(line.get_color())) for line in steps]
    assert brightness[0] == brightness[2] < brightness[1]
    assert_allclose(steps[1].get_ydata(), [1 / 3, 1 / 3])


def test_what_could_not_be_assessed_has_a_mark_for_urine_and_one_for_visits():
    from survival_bzd.report.figures.swimmer import MARKS

    urine, report = MARKS["urine_not_assessed"], MARKS["report_not_assessed"]
    assert urine.style["marker"] != report.style["marker"]
    assert (urine.words, report.words) == ("Urine not assessed", "Missed or not answered")
    looks = [
        sorted((key, str(value)) for key, value in mark.style.items()) for mark in MARKS.values()
    ]
    assert all(looks.count(look) == 1 for look in looks)


def test_patients_without_a_row_are_counted(results: PaperResults, drawn: Sheets):
    assert results.trace is not None
    seen = results.trace[results.trace["patient_id"] != "c10"]
    paper_figures(dataclasses.replace(results, trace=seen))
    words = " ".join(text.get_text() for text in texts(drawn["swimmer"]))
    assert "not drawn: 1 patient." in words.replace("\n", " ")
