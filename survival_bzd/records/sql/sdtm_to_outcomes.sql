{# A death is dated by DM, and by DS where DM does not say when; two dates that differ stay both, for
   the check to refuse. #}
WITH ended AS (
    SELECT
        USUBJID, {{ day('DSSTDTC') }} AS day, {{ flag('DSSTDTC') }} AS flag,
        CASE
            WHEN UPPER(DSDECOD) = 'DEATH' THEN 'death'
            WHEN UPPER(DSDECOD) = 'LOST TO FOLLOW-UP' THEN 'loss'
            WHEN UPPER(DSDECOD) IN ('COMPLETED', 'STUDY TERMINATED BY SPONSOR',
                'SITE TERMINATED BY SPONSOR', 'RECOVERY') THEN 'study_end'
            ELSE 'withdrawal'
        END AS outcome, DSDECOD AS recorded, source, line
    FROM sdtm_ds WHERE is_used
)
SELECT
    USUBJID AS patient_id, day AS date, outcome, recorded, flag AS date_imputed, source,
    line AS source_row
FROM ended AS e
WHERE NOT (outcome = 'death' AND EXISTS (
    SELECT 1 FROM sdtm_dm AS dm WHERE dm.USUBJID = e.USUBJID AND dm.died
        AND {{ day('dm.DTHDTC') }} IS NOT NULL
        AND COALESCE(e.day, {{ day('dm.DTHDTC') }}) = {{ day('dm.DTHDTC') }}))
UNION ALL
SELECT
    dm.USUBJID, {{ day('dm.DTHDTC') }}, 'death', 'DTHDTC', {{ flag('dm.DTHDTC') }}, dm.source, dm.line
FROM sdtm_dm AS dm
WHERE dm.died AND ({{ day('dm.DTHDTC') }} IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM ended AS e WHERE e.USUBJID = dm.USUBJID AND e.outcome = 'death'))
