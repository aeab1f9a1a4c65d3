{# The relevant statements that became known while observation lasted. A calendar window that reaches
   past its end is cut there, and each is cut into the stretches between the days of use it names. A
   fill speaks of its day; one after death is a late bill. #}
WITH known AS (
    SELECT
        relevant.statement_id, relevant.patient_id, relevant.source, relevant.source_rank,
        {% if fills_count %}
        CASE relevant.source WHEN 'fills' THEN 'use' ELSE relevant.verdict END AS verdict,
        {% else %}
        relevant.verdict,
        {% endif %}
        relevant.from_day,
        CASE
            WHEN relevant.source = 'fills' THEN relevant.from_day
            WHEN relevant.source = 'use_windows' AND relevant.to_day > observation.end_day THEN observation.end_day
            ELSE relevant.to_day END AS to_day,
        CASE WHEN relevant.source = 'use_windows' AND relevant.known_on > observation.end_day
            THEN observation.end_day ELSE relevant.known_on END AS known_on,
        relevant.subject
    FROM relevant
    JOIN observation ON observation.patient_id = relevant.patient_id
    WHERE (observation.end_day IS NULL OR relevant.known_on <= observation.end_day
            OR (relevant.source = 'use_windows' AND relevant.from_day <= observation.end_day))
        AND (relevant.source <> 'fills' OR observation.death_day IS NULL
            OR relevant.known_on <= observation.death_day)
),
day_of_use AS (
    SELECT DISTINCT patient_id, to_day AS day
    FROM known
    WHERE source = 'use_days' AND verdict = 'use'
),
cut AS (
    SELECT calendar.statement_id, calendar.from_day, day_of_use.day
    FROM known AS calendar
    JOIN day_of_use ON day_of_use.patient_id = calendar.patient_id
        AND day_of_use.day BETWEEN calendar.from_day AND calendar.to_day
    WHERE calendar.source = 'use_windows'
    UNION ALL
    SELECT statement_id, from_day, to_day + 1
    FROM known
    WHERE source = 'use_windows'
),
stretch AS (
    SELECT
        statement_id,
        COALESCE(LAG(day) OVER (PARTITION BY statement_id ORDER BY day) + 1, from_day) AS from_day,
        day - 1 AS to_day
    FROM cut
)
SELECT
    known.statement_id, known.patient_id, known.source, known.source_rank,
    known.verdict, stretch.from_day, stretch.to_day, known.known_on, known.subject
FROM known JOIN stretch ON stretch.statement_id = known.statement_id
WHERE stretch.from_day <= stretch.to_day
UNION ALL
SELECT
    statement_id, patient_id, source, source_rank, verdict, from_day, to_day, known_on, subject
FROM known
WHERE source <> 'use_windows'
