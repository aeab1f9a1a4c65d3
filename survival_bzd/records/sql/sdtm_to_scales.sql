SELECT
    USUBJID AS patient_id, {{ day('QSDTC') }} AS date, QSTESTCD AS scale,
    CASE WHEN QSSTRESN <> '' THEN QSSTRESN WHEN QSSTRESC <> '' THEN QSSTRESC ELSE QSORRES END AS score,
    {{ flag('QSDTC') }} AS date_imputed, source, line AS source_row
FROM sdtm_qs WHERE is_used
