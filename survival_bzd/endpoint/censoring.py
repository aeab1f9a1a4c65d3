"""Why a follow-up ended without a relapse, as whole numbers that do not change between versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from survival_bzd.endpoint.time_to_event import TimeToEvent

CENSOR_CODES: Mapping[str, int] = {
    "study_end": 1,
    "withdrawal": 2,
    "loss": 3,
    "death": 4,
    "last_statement": 5,
    "cut_off": 6,
    "end_of_observation": 7,
    "nothing_recorded": 8,
    "gap": 9,
    "relapse": 10,
}
"""Reason -> code; 0 is the event. A number is never given to another reason."""

NOT_SAID = 99
"""The code of a censoring whose reason the data do not say."""


def censor_codes(tte: TimeToEvent, *, cause: int = 1) -> NDArray[np.int64]:
    """Return why each follow-up ended without the event of interest.

    Parameters
    ----------
    tte : n patients.
    cause : code of the event of interest: 1 is the relapse, 2 and above what competes with it.

    Returns
    -------
    (n,) 0 where the event happened, else a code of `CENSOR_CODES`: of the censoring, or of the
    other event that came first. `NOT_SAID` where there is no reason, as in rows without one.

    Examples
    --------
    >>> from survival_bzd.endpoint import TimeToEvent
    >>> tte = TimeToEvent([5, 9, 12], [1, 0, 2], reason=["pattern", "loss", "death"],
    ...                   causes=("relapse", "death"))
    >>> censor_codes(tte).tolist(), censor_codes(tte, cause=2).tolist()
    ([0, 3, 4], [10, 3, 0])
    """
    codes = np.full(tte.n, NOT_SAID, dtype=np.int64)
    if tte.reason is not None:
        for reason, code in CENSOR_CODES.items():
            codes[(tte.event == 0) & np.equal(tte.reason, reason)] = code
    for event, name in enumerate(tte.causes, 1):
        happened = tte.event == event
        codes[happened] = 0 if event == cause else CENSOR_CODES.get(name, NOT_SAID)
    return codes
