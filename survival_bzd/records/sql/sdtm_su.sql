{# What was asked and answered: of a calendar, of a visit that looks back, or of single days. #}
{% import 'sdtm_macros.sql' as sdtm %}
{% set name = "CASE WHEN d.SUDECOD <> '' THEN d.SUDECOD ELSE d.SUTRT END" %}
{% call sdtm.judged('SU', 'd.SUTRT', 'd.SUSEQ', name) %}
CASE
    WHEN s.class NOT IN ('benzodiazepine', 'z_drug') THEN 'not used: a substance that does not count'
    WHEN d.SUSTAT = 'NOT DONE' THEN 'not assessed: it was not asked (SUSTAT)'
    WHEN d.SUOCCUR = 'Y' AND TRY_CAST(d.SUDOSE AS DOUBLE) = 0
        THEN 'not used: used, and the amount is 0'
    WHEN d.SUPRESP = 'Y' AND d.SUOCCUR = '' THEN 'not assessed: asked, and no answer (SUOCCUR)'
    WHEN d.SUOCCUR = 'N' AND d.SUSTDTC <> '' AND d.SUENDTC <> ''
        THEN 'use_windows'
    WHEN d.SUOCCUR = 'N' AND d.SUSTDTC || d.SUENDTC <> ''
        THEN 'not used: no use, and only one end of the period is known'
    WHEN d.SUOCCUR <> 'N' AND d.SUSTDTC <> '' AND d.SUENDTC <> '' AND d.SUSTDTC <> d.SUENDTC
        AND EXISTS (
            SELECT 1 FROM SU AS inside
            WHERE inside.USUBJID = d.USUBJID AND inside.SUCAT = d.SUCAT AND inside.SUOCCUR <> 'N'
                AND d.SUPRESP = 'Y' AND inside.SUSTDTC = inside.SUENDTC
                AND inside.SUSTDTC BETWEEN d.SUSTDTC AND d.SUENDTC
        ) THEN 'use_windows'
    WHEN d.SUOCCUR <> 'N' AND d.SUSTDTC <> '' THEN 'use_days'
    WHEN d.SUPRESP <> 'Y' AND d.SUOCCUR = '' THEN 'not used: the day that use began is not known'
    WHEN d.SUDTC = '' THEN 'not used: asked, and the day is not known'
    WHEN d.SUEVLINT = '' AND d.SUEVINTX <> ''
        THEN 'not used: the period asked about is only in words (SUEVINTX)'
    WHEN d.SUEVLINT <> '' AND NOT regexp_matches(d.SUEVLINT, '^-?P[0-9]{1,4}[DWM]$')
        THEN 'not used: the period asked about is not of days, weeks or months (SUEVLINT)'
    ELSE 'visits'
END
{% endcall %}
