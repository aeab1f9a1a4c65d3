{# The first run of weeks that each have a day of use, or of days that the calendar names, one after the
   other. Weeks count from the origin: days 1 to 7, 8 to 14. A week is named by the day before it. #}
WITH placed AS (
    SELECT
        later_day.*, origin.origin_day,
        later_day.day - origin.origin_day - 1 - (later_day.day - origin.origin_day - 1) % 7 AS week
    FROM later_day
    JOIN origin ON origin.patient_id = later_day.patient_id
),
week AS (
    SELECT
        patient_id, week, MAX(used) AS used, MIN(CASE WHEN used = 1 THEN day END) AS first_use,
        ROW_NUMBER() OVER (PARTITION BY patient_id ORDER BY week) AS place
    FROM placed
    GROUP BY patient_id, week
),
{% if missing_week == 'use' %}
watched AS (
    SELECT origin.patient_id, origin.origin_day, COALESCE(origin.asked_until, MAX(later_day.day)) AS until
    FROM origin
    LEFT JOIN later_day ON later_day.patient_id = origin.patient_id
    WHERE origin.origin_day IS NOT NULL
    GROUP BY origin.patient_id, origin.origin_day, origin.asked_until
),
free AS (
    SELECT patient_id, -7 AS week FROM watched
    UNION ALL
    SELECT patient_id, week FROM week WHERE used = 0
),
between_free AS (
    SELECT
        patient_id, week + 7 AS first_week, week + {{ 7 * weeks }} AS last_week,
        LEAD(week) OVER (PARTITION BY patient_id ORDER BY week) AS next_free
    FROM free
),
run AS (
    SELECT
        watched.patient_id, 1 AS kind,
        COALESCE(opening.first_use, watched.origin_day + between_free.first_week + 7) AS first_day,
        COALESCE(closing.first_use, watched.origin_day + between_free.last_week + 7) AS last_day
    FROM between_free
    JOIN watched ON watched.patient_id = between_free.patient_id
    LEFT JOIN week AS opening ON opening.patient_id = between_free.patient_id
        AND opening.week = between_free.first_week
    LEFT JOIN week AS closing ON closing.patient_id = between_free.patient_id
        AND closing.week = between_free.last_week
    WHERE (between_free.next_free IS NULL OR between_free.next_free > between_free.last_week)
        AND (closing.first_use IS NOT NULL
            OR watched.origin_day + between_free.last_week + 7 <= watched.until)
{% else %}
used_week AS (
    SELECT
        patient_id, first_use, week, place,
        LAG(week, {{ weeks - 1 }}) OVER (PARTITION BY patient_id ORDER BY week) AS first_week,
        LAG(place, {{ weeks - 1 }}) OVER (PARTITION BY patient_id ORDER BY week) AS first_place,
        LAG(first_use, {{ weeks - 1 }}) OVER (PARTITION BY patient_id ORDER BY week) AS first_day
    FROM week
    WHERE used = 1
),
run AS (
    SELECT patient_id, 1 AS kind, first_day, first_use AS last_day
    FROM used_week
    WHERE {{ 'first_place = place - ' ~ (weeks - 1) if missing_week == 'skipped' else 'first_week = week - ' ~ (7 * (weeks - 1)) }}
{% endif %}
    {% if or_days is not none %}
    UNION ALL
    SELECT patient_id, 0, first_day, day
    FROM (
        SELECT
            patient_id, day,
            LAG(day, {{ or_days - 1 }}) OVER (PARTITION BY patient_id ORDER BY day) AS first_day
        FROM placed
        WHERE used = 1 AND exact = 1
    ) AS named
    WHERE first_day = day - {{ or_days - 1 }}
    {% endif %}
),
first_run AS (
    SELECT run.*, ROW_NUMBER() OVER (PARTITION BY patient_id ORDER BY last_day, kind) AS completion
    FROM run
),
seen AS (
    SELECT
        first_run.patient_id, first_run.first_day, first_run.last_day,
        MAX(CASE WHEN placed.used = 0 AND placed.day < first_run.first_day THEN placed.day END) AS free_before,
        MAX(CASE WHEN placed.used = 1 AND placed.day >= first_run.first_day
            AND placed.day <= first_run.last_day THEN placed.day END) AS last_use
    FROM first_run
    LEFT JOIN placed ON placed.patient_id = first_run.patient_id
    WHERE first_run.completion = 1
    GROUP BY first_run.patient_id, first_run.first_day, first_run.last_day
)
SELECT
    seen.patient_id, deciding.statement_id, seen.first_day, COALESCE(opening.exact, 0) AS first_exact,
    COALESCE(completing.known_on, seen.last_day) AS detected_day,
    CASE opening.exact WHEN 1 THEN seen.first_day
        ELSE COALESCE(beginning.known_on, seen.first_day) END AS upper_day,
    CASE opening.exact WHEN 1 THEN seen.first_day
        ELSE COALESCE(seen.free_before, origin.origin_day) END AS lower_day
FROM seen
JOIN origin ON origin.patient_id = seen.patient_id
LEFT JOIN placed AS opening ON opening.patient_id = seen.patient_id AND opening.day = seen.first_day
    AND opening.used = 1
LEFT JOIN placed AS closing ON closing.patient_id = seen.patient_id AND closing.day = seen.last_day
    AND closing.used = 1
LEFT JOIN placed AS deciding ON deciding.patient_id = seen.patient_id AND deciding.day = seen.last_use
LEFT JOIN statement AS beginning ON beginning.statement_id = opening.statement_id
LEFT JOIN statement AS completing ON completing.statement_id = closing.statement_id
