{# Per patient: until when observation counts, until when silence would be a missing visit, and the
   first competing event. Nobody is asked after death or after the study ended for them. #}
WITH ended AS (
    SELECT
        patients.patient_id,
        {% if end_day is not none %}{{ end_day }}{% elif end_is_outcome %}first_outcome.day{% else %}CAST(NULL AS INTEGER){% endif %} AS end_day,
        finished.day AS finished_day, finished.death_day
    FROM patients
    LEFT JOIN (
        SELECT patient_id, MIN(day) AS day FROM recorded_outcome GROUP BY patient_id
    ) AS first_outcome ON first_outcome.patient_id = patients.patient_id
    LEFT JOIN (
        SELECT
            patient_id, MIN(day) AS day, MIN(CASE WHEN outcome = 'death' THEN day END) AS death_day
        FROM recorded_outcome
        WHERE outcome IN ('death', 'study_end')
        GROUP BY patient_id
    ) AS finished ON finished.patient_id = patients.patient_id
)
SELECT
    patients.patient_id, patients.line AS patient_line, patients.enrolled,
    {% if entry_column %}patients.{{ entry_column | name }}{% else %}CAST(NULL AS INTEGER){% endif %} AS entry_day,
    ended.end_day, ended.death_day,
    CASE WHEN ended.finished_day < ended.end_day THEN ended.finished_day ELSE ended.end_day END AS asked_until,
    competing.day AS competing_day, competing.outcome AS competing_outcome,
    competing.line AS competing_line
FROM patients
JOIN ended ON ended.patient_id = patients.patient_id
LEFT JOIN (
    SELECT
        patient_id, day, outcome, line,
        ROW_NUMBER() OVER (PARTITION BY patient_id ORDER BY day, priority, line) AS place
    FROM recorded_outcome
    WHERE competes = 1
) AS competing ON competing.patient_id = patients.patient_id AND competing.place = 1
