{# A treatment over several days stands on its first day and its last. #}
SELECT
    USUBJID AS patient_id, {{ day('EXSTDTC') }} AS date, EXTRT AS treatment,
    {{ flag('EXSTDTC') }} AS date_imputed, source, line AS source_row
FROM sdtm_ex WHERE is_used
UNION ALL
SELECT
    USUBJID, {{ day('EXENDTC') }}, EXTRT, {{ flag('EXENDTC') }}, source, line
FROM sdtm_ex
WHERE is_used AND {{ day('EXENDTC') }} > {{ day('EXSTDTC') }}
