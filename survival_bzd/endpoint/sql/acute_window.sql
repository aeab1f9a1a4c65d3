{# Per patient: where the acute phase starts and ends. A patient without what it is counted from has
   none; one that would end before it starts has no day. #}
WITH treated AS (
    SELECT patient_id, MIN(day) AS first_day, MAX(day) AS last_day FROM treatments GROUP BY patient_id
),
started AS (
    SELECT
        patients.patient_id, patients.line AS patient_line, treated.last_day,
        {{ 'patients.enrolled' if rules.start.at == 'enrolment' else 'treated.first_day' }} + {{ rules.start.day }} AS start_day
    FROM patients
    LEFT JOIN treated ON treated.patient_id = patients.patient_id
)
SELECT
    patient_id, patient_line, start_day,
    {% if rules.to.weeks is not none %}
    start_day + {{ (7 * rules.to.weeks) | int }} AS end_day
    {% else %}
    CASE WHEN last_day + {{ rules.to.day }} >= start_day THEN last_day + {{ rules.to.day }} END AS end_day
    {% endif %}
FROM started
