{# Per patient: until when observation counts, and which recorded outcome ends it. #}
SELECT
    patients.patient_id, patients.line AS patient_line,
    patients.{{ entry_column | name if entry_column else 'enrolled' }} AS entry_day,
    {% if end_day is not none %}{{ end_day }}{% elif end_is_outcome %}reason.day{% else %}CAST(NULL AS INTEGER){% endif %} AS end_day,
    competing.day AS competing_day, competing.outcome AS competing_outcome,
    competing.line AS competing_line,
    reason.day AS outcome_day, reason.outcome AS outcome, reason.line AS outcome_line
FROM patients
LEFT JOIN (
    SELECT
        patient_id, day, outcome, line,
        ROW_NUMBER() OVER (PARTITION BY patient_id ORDER BY day, line) AS place
    FROM outcomes
    WHERE day IS NOT NULL AND outcome IN ({{ competing | map('literal') | join(', ') or "''" }})
) AS competing ON competing.patient_id = patients.patient_id AND competing.place = 1
LEFT JOIN (
    SELECT
        patient_id, day, outcome, line,
        ROW_NUMBER() OVER (PARTITION BY patient_id ORDER BY day, line) AS place
    FROM outcomes
    WHERE day IS NOT NULL AND outcome NOT IN ({{ competing | map('literal') | join(', ') or "''" }})
) AS reason ON reason.patient_id = patients.patient_id AND reason.place = 1
