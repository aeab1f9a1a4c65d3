{# Every statement of every patient, and what the endpoint made of it. Days count from the origin,
   or, where it was never reached, from the day its search began. #}
SELECT
    statement.patient_id,
    COALESCE(counted.to_day, statement.to_day)
        - COALESCE(decided.origin_day, decided.search_day, decided.enrolled, earliest.day) AS day,
    COALESCE(counted.from_day, statement.from_day)
        - COALESCE(decided.origin_day, decided.search_day, decided.enrolled, earliest.day) AS from_day,
    statement.source, statement.verdict, statement.subject, statement.detail,
    CASE
        WHEN counted.statement_id IS NULL THEN 'not counted'
        WHEN statement.verdict = 'not_assessed' THEN 'not assessed'
        WHEN statement.statement_id = decided.origin_statement
            AND (counted.to_day = decided.origin_day OR counted.source = 'fills') THEN 'origin'
        WHEN decided.origin_day IS NULL THEN 'never at risk'
        WHEN counted.to_day = decided.origin_day THEN 'day of origin'
        WHEN later.statement_id IS NULL THEN 'before origin'
        WHEN later.washed_out = 1 AND later.carry_over = 1 THEN 'carry-over'
        WHEN later.washed_out = 1 THEN 'washed out'
        WHEN later.verdict = 'not_assessed' THEN 'not assessed'
        WHEN statement.statement_id = decided.pattern_statement AND decided.decision = 'relapse' THEN 'relapse'
        WHEN counted.to_day > decided.decided_on THEN 'after'
        WHEN later.below = 1 AND later_day.used = 0 THEN 'below the share'
        WHEN later.verdict = 'possession' THEN 'possession'
        WHEN CASE later.verdict WHEN 'use' THEN 1 ELSE 0 END <> later_day.used THEN 'overruled'
        WHEN later.verdict = 'use' THEN 'use'
        ELSE 'known free'
    END AS role,
    statement.file, statement.line
FROM statement
JOIN decided ON decided.patient_id = statement.patient_id
JOIN (SELECT patient_id, MIN(to_day) AS day FROM statement GROUP BY patient_id) AS earliest
    ON earliest.patient_id = statement.patient_id
LEFT JOIN counted ON counted.statement_id = statement.statement_id
LEFT JOIN later ON later.statement_id = counted.statement_id AND later.to_day = counted.to_day
LEFT JOIN later_day ON later_day.patient_id = later.patient_id AND later_day.day = later.to_day
ORDER BY decided.patient_line, COALESCE(counted.to_day, statement.to_day), statement.statement_id
