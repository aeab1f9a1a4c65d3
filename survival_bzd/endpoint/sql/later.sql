{# The counted statements after the origin. A specimen that is positive inside the washout is not
   assessed, nor are its negatives: it does not show the patient free. #}
SELECT
    statement_id, patient_id, source, source_rank,
    CASE washed_day WHEN 1 THEN 'not_assessed' ELSE verdict END AS verdict,
    washed_out, from_day, to_day, known_on
FROM (
    SELECT
        positive.*,
        MAX(washed_out) OVER (PARTITION BY patient_id, source, to_day) AS washed_day
    FROM (
        SELECT
            counted.*,
            CASE WHEN counted.source = 'urine' AND counted.verdict = 'use'
                AND counted.to_day <= origin.origin_day + {{ washout_days }} THEN 1 ELSE 0 END AS washed_out
        FROM counted
        JOIN origin ON origin.patient_id = counted.patient_id AND counted.to_day > origin.origin_day
    ) AS positive
) AS washed
