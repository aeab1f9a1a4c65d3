"""Evidence becomes time-to-event data, by declared rules, with a trace for every patient."""

from survival_bzd.endpoint.acute_phase import (
    DEPRESCRIBED,
    AcutePhase,
    ScaleRule,
    Scores,
    WorseningRules,
    acute_phase,
    declare_worsening,
)
from survival_bzd.endpoint.adtte import Adtte, adtte_of, write_adtte
from survival_bzd.endpoint.adtte_rows import AdtteChoice, is_adtte, read_adtte
from survival_bzd.endpoint.censoring import CENSOR_CODES, censor_codes
from survival_bzd.endpoint.declaration import Endpoint, declare
from survival_bzd.endpoint.derive import (
    conflicts,
    counts,
    derive,
    enrolled_covariates,
    observed_follow_up,
    sql,
    trace,
)
from survival_bzd.endpoint.recurrences import Recurrences
from survival_bzd.endpoint.recurrent_rows import RecurrentRows, read_recurrent_rows
from survival_bzd.endpoint.rows import Rows, read_interval_rows, read_rows
from survival_bzd.endpoint.spells import Spells, spells
from survival_bzd.endpoint.story import Story, story
from survival_bzd.endpoint.time_to_event import Flow, FlowLeaf, TimeToEvent

__all__ = [
    "CENSOR_CODES",
    "DEPRESCRIBED",
    "AcutePhase",
    "Adtte",
    "AdtteChoice",
    "Endpoint",
    "Flow",
    "FlowLeaf",
    "Recurrences",
    "RecurrentRows",
    "Rows",
    "ScaleRule",
    "Scores",
    "Spells",
    "Story",
    "TimeToEvent",
    "WorseningRules",
    "acute_phase",
    "adtte_of",
    "censor_codes",
    "conflicts",
    "counts",
    "declare",
    "declare_worsening",
    "derive",
    "enrolled_covariates",
    "is_adtte",
    "observed_follow_up",
    "read_adtte",
    "read_interval_rows",
    "read_recurrent_rows",
    "read_rows",
    "spells",
    "sql",
    "story",
    "trace",
    "write_adtte",
]
