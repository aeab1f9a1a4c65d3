"""A formula may come from a stranger: it holds what is listed, and nothing else is evaluated."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from survival_bzd.endpoint.time_to_event import TimeToEvent
from survival_bzd.errors import BadInput
from survival_bzd.estimate import cox, formula_variables
from survival_bzd.estimate.cox_model.grammar import ALLOWED


@pytest.fixture
def patients_with_covariates():
    rng = np.random.default_rng(31)
    frame = pd.DataFrame(
        {
            "g": rng.choice(list("abc"), 40),
            "x": rng.uniform(1, 5, 40),
            "dose in mg": rng.uniform(1, 30, 40),
            "k": rng.integers(1, 4, 40),
        }
    )
    return TimeToEvent(rng.integers(1, 30, 40), rng.integers(0, 2, 40), covariates=frame)


@pytest.mark.parametrize(
    ("formula", "coefficients"),
    [
        ("x + g", 3),
        ("x * g - g", 3),
        ("(x + g) ** 2", 5),
        ("`dose in mg`", 1),
        ("log(`dose in mg`) + np.sqrt(x)", 2),
        ("np.log(x + 1) : x", 1),
        ("{x ** 2} + I(x > 2)", 2),
        ("C(k)", 2),
        ("C(g, contr.treatment('b'))", 2),
        ('C(g, Treatment(reference="b"))', 2),
        ("C(g, levels=['c', 'b', 'a'])", 2),
        ("poly(x, 2)", 2),
        ("bs(x, df=4)", 4),
        ("bs(x, knots=[2, 3])", 5),
        ("cs(x, df=3)", 3),
        ("center(x) + scale(`dose in mg`)", 2),
    ],
)
def test_what_may_stand_in_a_formula(formula, coefficients, patients_with_covariates):
    assert len(cox(patients_with_covariates, formula).terms) == coefficients


HOSTILE = [
    "{__import__('os').system('touch touched')}",
    "x + eval('1')",
    "x + open('touched', 'w')",
    "np.save('touched', x)",
    "np.log.__class__(x)",
    "{x.__class__}",
    "{x.to_csv('touched')}",
    "{(lambda: 1)()}",
    "I((lambda v: v)(x))",
    "{[v for v in x]}",
    "{{v for v in x}}",
    "C(v for v in x)",
    "{x[0]}",
    "{'text'}",
    "I('text')",
    "{b'text'}",
    "C(f'{x}')",
    "{x if k else k}",
    "{x and k}",
    "{(v := 3)}",
    "{[1] * 1000000000}",
    "f(x)(x)",
    "C(*x)",
    "C(x, _state=3)",
    'C(g, contr.treatment(\'a\\\\\\\\") + open("touched", "w") + ("\'))',
    "C(g, contr.__class__)",
    "C(g, contr.treatment.mro())",
    "Q('x')",
    "lag(x)",
    "(x + g) ** 99",
    "(x + g) ** (99)",
    "{4 ** 4 ** 4 ** 4 ** 4 ** 4}",
    "{x ** 1e9}",
    "{1j * x}",
    "log(`x` + '`')",
    "{x\n+ 'text'}",
    "x + x" * 300,
]


@pytest.mark.parametrize("formula", HOSTILE)
def test_code_is_refused_before_it_runs(formula, patients_with_covariates, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="formula"):
        cox(patients_with_covariates, formula)
    with pytest.raises(BadInput, match="formula"):
        formula_variables(formula)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('touch touched')",
        "x.__class__",
        "lambda: x",
        "'x'",
        "x | g",
        "[x ~ g]",
        ".",
        "{" + "-" * 900 + "x}",
        "C(g, 'b')",
        "x, g",
        "exit",
        "np",
    ],
)
def test_what_cannot_be_read_or_is_no_covariate(
    formula, patients_with_covariates, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput):
        cox(patients_with_covariates, formula)
    assert not list(tmp_path.iterdir())


def test_the_refusal_says_what_may_stand_there(patients_with_covariates):
    with pytest.raises(BadInput) as refused:
        cox(patients_with_covariates, "x + getattr(x, 'real')")
    (fault,) = refused.value.faults
    assert fault.rule == "a formula may not hold the function getattr"
    assert fault.remedy == ALLOWED
    assert "np.log" in ALLOWED
    assert "poly" in ALLOWED


def test_the_covariates_of_a_formula_are_named_as_the_table_names_them():
    assert formula_variables("log(`dose in mg`) + poly(x, 2):C(k) + {x * y > 3}") == (
        "dose in mg", "k", "x", "y",
    )  # fmt: skip


def test_a_covariate_with_the_name_of_a_function_is_a_covariate(patients_with_covariates):
    frame = patients_with_covariates.covariates.assign(log=lambda d: d["x"])
    tte = TimeToEvent(
        patients_with_covariates.time, patients_with_covariates.event, covariates=frame
    )
    assert_allclose(cox(tte, "log").coef, cox(tte, "x").coef)
