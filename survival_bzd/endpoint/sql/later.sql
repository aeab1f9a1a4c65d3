{# The counted statements after the origin; urine positives inside the washout are not assessed. #}
SELECT
    counted.statement_id, counted.patient_id, counted.source, counted.source_rank,
    CASE
        WHEN counted.source = 'urine' AND counted.verdict = 'use'
            AND counted.to_day <= origin.origin_day + {{ washout_days }} THEN 'not_assessed'
        ELSE counted.verdict
    END AS verdict,
    CASE
        WHEN counted.source = 'urine' AND counted.verdict = 'use'
            AND counted.to_day <= origin.origin_day + {{ washout_days }} THEN 1
        ELSE 0
    END AS washed_out,
    counted.from_day, counted.to_day, counted.known_on
FROM counted
JOIN origin ON origin.patient_id = counted.patient_id AND counted.to_day > origin.origin_day
