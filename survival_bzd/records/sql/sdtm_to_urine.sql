{% set result = "UPPER(CASE WHEN LBSTRESC <> '' THEN LBSTRESC ELSE LBORRES END)" %}
SELECT
    USUBJID AS patient_id, {{ day('LBDTC') }} AS date, substance AS analyte,
    CASE
        WHEN LBSTAT = 'NOT DONE' THEN 'invalid'
        WHEN {{ result }} IN ('POSITIVE', 'POS', 'DETECTED', 'PRESENT') THEN 'positive'
        WHEN {{ result }} IN ('NEGATIVE', 'NEG', 'NOT DETECTED', 'NONE DETECTED', 'ABSENT')
            THEN 'negative'
        ELSE 'invalid'
    END AS result,
    LBMETHOD AS assay, CASE WHEN LBSTAT <> '' THEN LBSTAT ELSE {{ result }} END AS recorded,
    {{ flag('LBDTC') }} AS date_imputed, source, line AS source_row
FROM sdtm_lb WHERE is_used
