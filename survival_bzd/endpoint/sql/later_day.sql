{# The verdict of each assessed day after the origin. Who enters late was found free that day, unless
   a record says otherwise. #}
{% from 'assessed_day.sql' import resolve with context %}
WITH spoken AS (
{{ resolve('later') }}
)
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
