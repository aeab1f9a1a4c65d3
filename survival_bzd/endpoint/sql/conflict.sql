{# Counted statements that contradict each other: of one day, between sources; or within one source
   about the same thing. #}
SELECT
    counted.patient_id, counted.to_day AS day, counted.source, counted.subject, counted.verdict,
    CASE assessed_day.used WHEN 1 THEN 'use' ELSE 'no_use' END AS decided,
    statement.file, statement.line,
    CASE WHEN between_sources.patient_id IS NULL THEN 'within one source' ELSE 'between sources' END AS kind
FROM counted
JOIN assessed_day ON assessed_day.patient_id = counted.patient_id AND assessed_day.day = counted.to_day
JOIN statement ON statement.statement_id = counted.statement_id
LEFT JOIN (
    SELECT patient_id, to_day
    FROM (
        SELECT patient_id, to_day, source_rank, MAX(CASE WHEN verdict = 'use' THEN 1 ELSE 0 END) AS used
        FROM counted
        WHERE verdict IN ('use', 'no_use')
        GROUP BY patient_id, to_day, source_rank
    ) AS by_source
    GROUP BY patient_id, to_day
    HAVING MIN(used) < MAX(used)
) AS between_sources
    ON between_sources.patient_id = counted.patient_id AND between_sources.to_day = counted.to_day
LEFT JOIN (
    SELECT patient_id, to_day, source_rank, subject
    FROM counted
    WHERE verdict IN ('use', 'no_use')
    GROUP BY patient_id, to_day, source_rank, subject
    HAVING MIN(verdict) < MAX(verdict)
) AS within_source
    ON within_source.patient_id = counted.patient_id AND within_source.to_day = counted.to_day
    AND within_source.source_rank = counted.source_rank AND within_source.subject = counted.subject
WHERE counted.verdict IN ('use', 'no_use')
    AND (between_sources.patient_id IS NOT NULL OR within_source.patient_id IS NOT NULL)
