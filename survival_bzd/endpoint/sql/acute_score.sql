{# The scores around the acute phase, one for each patient, scale and day: of several on a day their
   mean. The last on or before the start is the baseline; the last in the acute phase is the one at
   its end if it is near enough. #}
WITH daily AS (
    SELECT
        scales.patient_id, acute_window.patient_line, scales.scale,
        scales.day - acute_window.start_day AS day,
        acute_window.end_day - acute_window.start_day AS days,
        AVG(scales.score) AS score, COUNT(*) AS scores
    FROM scales
    JOIN acute_window ON acute_window.patient_id = scales.patient_id
    WHERE scales.day IS NOT NULL AND scales.score IS NOT NULL AND acute_window.end_day IS NOT NULL
        AND scales.scale IN ({{ scales | map('literal') | join(', ') }})
    GROUP BY
        scales.patient_id, acute_window.patient_line, scales.scale, scales.day,
        acute_window.start_day, acute_window.end_day
),
phased AS (
    SELECT
        daily.*,
        CASE WHEN day <= 0 THEN 'before' WHEN day <= days THEN 'during' ELSE 'after' END AS phase
    FROM daily
),
placed AS (
    SELECT
        phased.*,
        ROW_NUMBER() OVER (PARTITION BY patient_id, scale, phase ORDER BY day DESC) AS from_last
    FROM phased
)
SELECT
    patient_id, patient_line, scale, day, score, scores,
    CASE
        WHEN phase = 'before' AND from_last = 1
            {% if rules.baseline_within_days is not none %}
            AND day >= -{{ rules.baseline_within_days }}
            {% endif %}
            THEN 'baseline'
        WHEN phase = 'during' AND from_last = 1 AND days - day <= {{ rules.end_within_days }} THEN 'end'
        ELSE phase
    END AS role
FROM placed
