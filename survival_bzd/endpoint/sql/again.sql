{# Who returned to abstinence starts again: the day of that takes the place of the origin. #}
SELECT
    observation.*, CAST(NULL AS INTEGER) AS search_day,
    returned.free_statement AS origin_statement, returned.stop_day AS origin_day,
    CAST(NULL AS {{ text }}) AS not_reached,
    returned.file AS origin_file, returned.line AS origin_line
FROM returned
JOIN observation ON observation.patient_id = returned.patient_id
WHERE returned.decision = 'returned'
