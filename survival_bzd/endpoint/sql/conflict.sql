{# Counted statements that contradict each other: of one day, between sources; or within one source
   about the same thing. What the washout set aside contradicts nothing. #}
WITH spoken AS (
    SELECT
        counted.statement_id, counted.patient_id, counted.to_day, counted.source,
        counted.source_rank, counted.subject, counted.verdict
    FROM counted
    LEFT JOIN later ON later.statement_id = counted.statement_id AND later.to_day = counted.to_day
    WHERE COALESCE(later.verdict, counted.verdict) IN ('use', 'no_use')
)
SELECT
    spoken.patient_id, spoken.to_day AS day, spoken.source, spoken.subject, spoken.verdict,
    CASE COALESCE(later_day.used, assessed_day.used) WHEN 1 THEN 'use' ELSE 'no_use' END AS decided,
    statement.file, statement.line,
    CASE WHEN between_sources.patient_id IS NULL THEN 'within one source' ELSE 'between sources' END AS kind
FROM spoken
JOIN assessed_day ON assessed_day.patient_id = spoken.patient_id AND assessed_day.day = spoken.to_day
LEFT JOIN later_day ON later_day.patient_id = spoken.patient_id AND later_day.day = spoken.to_day
JOIN statement ON statement.statement_id = spoken.statement_id
LEFT JOIN (
    SELECT patient_id, to_day
    FROM (
        SELECT patient_id, to_day, source_rank, MAX(CASE WHEN verdict = 'use' THEN 1 ELSE 0 END) AS used
        FROM spoken
        GROUP BY patient_id, to_day, source_rank
    ) AS by_source
    GROUP BY patient_id, to_day
    HAVING MIN(used) < MAX(used)
) AS between_sources
    ON between_sources.patient_id = spoken.patient_id AND between_sources.to_day = spoken.to_day
LEFT JOIN (
    SELECT patient_id, to_day, source_rank, subject
    FROM spoken
    GROUP BY patient_id, to_day, source_rank, subject
    HAVING MIN(verdict) < MAX(verdict)
) AS within_source
    ON within_source.patient_id = spoken.patient_id AND within_source.to_day = spoken.to_day
    AND within_source.source_rank = spoken.source_rank AND within_source.subject = spoken.subject
WHERE between_sources.patient_id IS NOT NULL OR within_source.patient_id IS NOT NULL
