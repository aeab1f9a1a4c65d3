{# Per patient: whether the endpoint's origin was reached by the end of the acute phase, and whether a
   negative specimen on that day or shortly before confirms it. #}
WITH specimen AS (
    SELECT patient_id, to_day AS day
    FROM counted
    WHERE source = 'urine' AND verdict IN ('use', 'no_use')
    GROUP BY patient_id, to_day
    HAVING MAX(CASE WHEN verdict = 'use' THEN 1 ELSE 0 END) = 0
),
confirmed AS (
    SELECT DISTINCT origin.patient_id
    FROM origin
    JOIN specimen ON specimen.patient_id = origin.patient_id
        AND specimen.day BETWEEN origin.origin_day - {{ rules.urine_within_days }} AND origin.origin_day
)
SELECT
    acute_window.patient_id, acute_window.patient_line,
    acute_window.end_day - acute_window.start_day AS days,
    CASE
        WHEN origin.origin_day IS NULL THEN 'never'
        WHEN acute_window.end_day IS NULL THEN 'no_window'
        WHEN origin.origin_day > acute_window.end_day THEN 'later'
        WHEN confirmed.patient_id IS NOT NULL THEN 'urine'
        ELSE 'report'
    END AS code
FROM acute_window
LEFT JOIN origin ON origin.patient_id = acute_window.patient_id
LEFT JOIN confirmed ON confirmed.patient_id = acute_window.patient_id
