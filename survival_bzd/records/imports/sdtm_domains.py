"""The SDTM domains that say something here, and the variables of them that are looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain.

    Attributes
    ----------
    name : of two letters.
    required : variables that it must have.
    others : variables that are looked at where they are there.
    dates : those of them that are dates.
    substance : SQL of the substance that a row names.
    """

    name: str
    required: tuple[str, ...]
    others: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    substance: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """All that are looked at."""
        return (*self.required, *self.others)


@dataclass(frozen=True, slots=True)
class Target:
    """A study table, and the domains that something of it comes from."""

    table: str
    domains: tuple[str, ...]


COVARIATES = ("AGE", "SEX", "RACE", "ETHNIC", "ARM", "ACTARM", "SITEID", "COUNTRY")
"""What DM says of a subject that may be compared; SUPPDM has the rest."""

DOMAINS = (
    Domain(
        "DM", ("STUDYID", "USUBJID", "RFSTDTC"),
        (*COVARIATES, "ARMCD", "ACTARMCD", "ARMNRS", "DTHDTC", "DTHFL"), ("RFSTDTC", "DTHDTC"),
    ),
    Domain("EX", ("USUBJID", "EXTRT", "EXSTDTC"), ("EXSEQ", "EXOCCUR", "EXENDTC"),
           ("EXSTDTC", "EXENDTC")),
    Domain(
        "SV", ("USUBJID", "SVSTDTC"),
        ("VISITNUM", "VISIT", "VISITDY", "SVPRESP", "SVOCCUR", "SVREASOC"), ("SVSTDTC",),
    ),
    Domain(
        "SU", ("USUBJID", "SUTRT"),
        ("SUSEQ", "SUDECOD", "SUCAT", "SUPRESP", "SUOCCUR", "SUSTAT", "SUDOSE", "SUDOSFRQ", "SUDTC",
         "SUSTDTC", "SUENDTC", "SUEVLINT", "SUEVINTX"),
        ("SUDTC", "SUSTDTC", "SUENDTC"), "CASE WHEN SUDECOD <> '' THEN SUDECOD ELSE SUTRT END",
    ),
    Domain(
        "LB", ("USUBJID", "LBTESTCD", "LBDTC"),
        ("LBSEQ", "LBTEST", "LBCAT", "LBSCAT", "LBSPEC", "LBMETHOD", "LBSTRESC", "LBORRES",
         "LBSTAT"),
        ("LBDTC",),
        "CASE WHEN LBSPEC NOT IN ('', 'URINE') THEN '' "
        "WHEN LBTEST <> '' THEN LBTEST ELSE LBTESTCD END",
    ),
    Domain(
        "CM", ("USUBJID", "CMTRT", "CMSTDTC"),
        ("CMSEQ", "CMDECOD", "CMCAT", "CMSCAT", "CMOCCUR", "CMDOSE", "CMDOSU", "CMENDTC", "CMDUR"),
        ("CMSTDTC", "CMENDTC"), "CASE WHEN CMDECOD <> '' THEN CMDECOD ELSE CMTRT END",
    ),
    Domain(
        "QS", ("USUBJID", "QSTESTCD", "QSDTC"),
        ("QSSEQ", "QSSTRESN", "QSSTRESC", "QSORRES", "QSSTAT"), ("QSDTC",),
    ),
    Domain("DS", ("USUBJID", "DSDECOD", "DSSTDTC"), ("DSSEQ", "DSCAT", "DSSCAT", "DSTERM"),
           ("DSSTDTC",)),
    Domain("DD", ("USUBJID", "DDTESTCD"), ("DDSEQ", "DDORRES", "DDDTC")),
)  # fmt: skip
"""In this order they are told; DM is the first."""
