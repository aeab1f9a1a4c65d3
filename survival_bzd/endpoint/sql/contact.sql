{# How long everybody enrolled was seen: from the origin, or where it was never reached from the last
   treatment (or the day its search began), to the last attended visit or specimen. #}
SELECT
    decided.patient_id, decided.patient_line,
    COALESCE(decided.origin_day, treated.day, decided.search_day, patients.enrolled) AS from_day,
    seen.day AS last_contact
FROM decided
JOIN patients ON patients.patient_id = decided.patient_id
LEFT JOIN (
    SELECT patient_id, MAX(day) AS day FROM treatments GROUP BY patient_id
) AS treated ON treated.patient_id = decided.patient_id
LEFT JOIN (
    SELECT patient_id, MAX(day) AS day
    FROM (
        SELECT patient_id, day FROM visits WHERE status = 'attended'
        UNION ALL
        SELECT patient_id, day FROM urine
    ) AS contact
    GROUP BY patient_id
) AS seen ON seen.patient_id = decided.patient_id
