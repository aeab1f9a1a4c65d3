{# The same period asked about several drugs is one. #}
SELECT
    patient_id, "from", "to", MAX(flag) AS date_imputed, MIN(source) AS source,
    MIN(line) AS source_row
FROM (
    SELECT
        USUBJID AS patient_id, {{ day('SUSTDTC') }} AS "from", {{ day('SUENDTC') }} AS "to",
        COALESCE({{ flag('SUSTDTC') }}, {{ flag('SUENDTC') }}) AS flag, source, line
    FROM sdtm_su WHERE fate = 'use_windows'
) AS period
GROUP BY patient_id, "from", "to"
