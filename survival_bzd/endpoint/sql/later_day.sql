{# The verdict of each assessed day after the origin. Who enters late was found free that day, unless
   a record says otherwise. Where fills are the only source, their records speak for every day until
   observation ends. #}
{% from 'assessed_day.sql' import resolve with context %}
WITH spoken AS (
{{ resolve('later') }}
)
{%- if fills_only %},
watched AS (
    SELECT
        origin.patient_id, origin.origin_day, origin.entry_day,
        CASE WHEN MIN(recorded_outcome.day) < origin.end_day THEN MIN(recorded_outcome.day)
            ELSE origin.end_day END AS day
    FROM origin
    LEFT JOIN recorded_outcome ON recorded_outcome.patient_id = origin.patient_id
        AND recorded_outcome.day >= origin.origin_day
    GROUP BY origin.patient_id, origin.origin_day, origin.entry_day, origin.end_day
)
{%- endif %}

SELECT patient_id, day, from_day, used, statement_id, exact
FROM spoken
{% if entry_column %}
UNION ALL
SELECT
    origin.patient_id, origin.entry_day, origin.entry_day, 0, CAST(NULL AS BIGINT), 0
FROM origin
LEFT JOIN spoken ON spoken.patient_id = origin.patient_id AND spoken.day = origin.entry_day
WHERE origin.entry_day > origin.origin_day AND spoken.patient_id IS NULL
    AND (origin.end_day IS NULL OR origin.entry_day <= origin.end_day)
{% endif %}
{% if fills_only %}
UNION ALL
SELECT watched.patient_id, watched.day, watched.day, 0, CAST(NULL AS BIGINT), 0
FROM watched
LEFT JOIN spoken ON spoken.patient_id = watched.patient_id AND spoken.day = watched.day
WHERE watched.day > watched.origin_day AND spoken.patient_id IS NULL
    {% if entry_column %}
    AND (watched.entry_day IS NULL OR watched.entry_day <> watched.day)
    {% endif %}
{% endif %}
