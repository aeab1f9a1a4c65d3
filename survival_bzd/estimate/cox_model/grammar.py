"""What may stand in a formula: covariates, numbers, operators, and a short list of functions.

Formulas are evaluated as Python, and may come with a study that somebody else wrote.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import cast

LONGEST = 1000
"""Characters of a formula."""

NUMERIC = ("abs", "exp", "expm1", "log", "log10", "log1p", "log2", "maximum", "minimum", "sqrt")
"""Functions of NumPy; some also stand without ``np.``."""

BARE = ("exp", "exp2", "log", "log10", "log2")

CODING = ("treatment", "sum", "helmert", "diff", "poly")

BASES = ("bs", "cc", "cr", "cs")

FUNCTIONS = frozenset(
    (
        "C", "I", "center", "poly", "scale", "standardize", "Treatment", "Sum", "Helmert", "Diff",
        *BASES, *BARE, *(f"np.{name}" for name in NUMERIC), *(f"contr.{name}" for name in CODING),
    )
)  # fmt: skip

ALLOWED = (
    "A formula holds names of covariates, numbers, + - * / : ** ( ), and the functions "
    + ", ".join(sorted(FUNCTIONS, key=str.lower))
    + "; arithmetic and comparisons stand in { } or I( )."
)
"""What may stand in a formula, in words."""

_TAKES_TEXT = frozenset(name for name in FUNCTIONS if name[0].isupper() or "contr" in name) | set(
    BASES
)
# formulaic writes a text into code of its own, so nothing that could end a text may stand in it.
_PLAIN_TEXT = re.compile(r"[\w .+-]*")
_POWER = re.compile(r"(?:\*\*|\^)\s*([\w.]*)")
_QUOTED = re.compile(r"`([^`]*)`")
_HIGHEST_POWER = 4

_OPERATIONS = (ast.BinOp, ast.UnaryOp, ast.Compare)
_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.UAdd, ast.USub,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip


class NotAllowed(Exception):
    """Something stands in a formula that may not; the message says what."""


def check_text(formula: str) -> None:
    """Refuse formulas that would take for ever to read.

    Raises
    ------
    NotAllowed
        If the formula is very long, or a power is not a small number.
    """
    if len(formula) > LONGEST:
        raise NotAllowed(f"more than {LONGEST} characters")
    for power in _POWER.finditer(formula):
        digits = power.group(1)
        try:
            small = float(digits) <= _HIGHEST_POWER
        except ValueError:
            small = False
        if not small:
            raise NotAllowed(f"a power that is not a number up to {_HIGHEST_POWER}")


def names_read(expression: str) -> set[str]:
    """Name the covariates that one factor of a formula, Python code, reads.

    Raises
    ------
    NotAllowed
        If it is anything but covariates, numbers, arithmetic, comparisons and the functions listed.
    """
    quoted: dict[str, str] = {}
    code = expression
    if "`" in expression:
        if {"'", '"'} & set(expression):
            raise NotAllowed(f"names in backquotes together with text: {expression}")

        def stand_in(match: re.Match[str]) -> str:
            return quoted.setdefault(match.group(1), f"quoted_{len(quoted)}_")

        code = _QUOTED.sub(stand_in, expression)
    try:
        tree = ast.parse(code.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotAllowed(f"what cannot be read: {expression}") from None
    original = {alias: name for name, alias in quoted.items()}
    return {original.get(name, name) for name in _names(tree.body, text=False)}


def _names(node: ast.expr, *, text: bool) -> Iterator[str]:
    """Name the covariates below a node; `text` says whether a text may stand here."""
    if isinstance(node, ast.Call):
        yield from _names_of_call(node, text)
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Constant):
        _check_constant(node.value, text)
    elif isinstance(node, _OPERATORS):
        return
    elif isinstance(node, _OPERATIONS):
        read = [_names(cast(ast.expr, child), text=False) for child in ast.iter_child_nodes(node)]
        found = {name for names in read for name in names}
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and not found:
            # Whole numbers of Python can grow without end; those of a covariate cannot.
            raise NotAllowed("a power of a number")
        yield from found
    else:
        raise NotAllowed(_KINDS.get(type(node).__name__, "Python code"))


_KINDS = {
    "Attribute": "an attribute",
    "Subscript": "an index",
    "Lambda": "a lambda",
    "ListComp": "a comprehension",
    "SetComp": "a comprehension",
    "DictComp": "a comprehension",
    "GeneratorExp": "a comprehension",
    "JoinedStr": "a text",
    "List": "a list outside a call",
    "Tuple": "a list outside a call",
}


def _names_of_call(call: ast.Call, text: bool) -> Iterator[str]:
    """Name the covariates in a call of a function that may be called."""
    function = _dotted(call.func)
    if function not in FUNCTIONS:
        raise NotAllowed(f"the function {function or ast.unparse(call.func)}")
    text = text or function in _TAKES_TEXT
    # formulaic passes arguments of its own, whose names begin with an underscore.
    if any(keyword.arg is None or keyword.arg.startswith("_") for keyword in call.keywords):
        raise NotAllowed("an argument whose name begins with an underscore, or **")
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        listed = argument.elts if isinstance(argument, ast.List | ast.Tuple) else [argument]
        for value in listed:
            yield from _names(value, text=text)


def _dotted(function: ast.expr) -> str:
    """Return the name of a function, as in ``log`` or ``np.log``; "" of anything else."""
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{function.value.id}.{function.attr}"
    return ""


def _check_constant(value: object, text: bool) -> None:
    """Allow numbers, true and false; plain text where it may stand."""
    if isinstance(value, str) and not (text and _PLAIN_TEXT.fullmatch(value)):
        raise NotAllowed(f"a text: {value}")
    if value is not None and not isinstance(value, (str, bool, int, float)):
        raise NotAllowed(f"a constant that is not a number: {value!r}")
