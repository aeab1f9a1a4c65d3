{# The statements that count for this endpoint: by source, substance and end of observation.
   A calendar window is cut into the stretches between the days of use it names. #}
WITH relevant AS (
    SELECT
        statement.*, ranked.source_rank
    FROM statement
    JOIN (
        {% for source in sources %}
        SELECT {{ source | literal }} AS source, {{ loop.index }} AS source_rank{{ ' UNION ALL' if not loop.last }}
        {% endfor %}
        {% if 'use_days' in sources %}
        UNION ALL SELECT 'use_windows', {{ sources.index('use_days') + 1 }}
        {% endif %}
    ) AS ranked ON ranked.source = statement.source
    JOIN observation ON observation.patient_id = statement.patient_id
    WHERE (statement.substance IS NULL OR statement.substance IN ({{ substances | map('literal') | join(', ') }}))
        AND (observation.end_day IS NULL OR statement.known_on <= observation.end_day)
),
day_of_use AS (
    SELECT DISTINCT patient_id, to_day AS day
    FROM relevant
    WHERE source = 'use_days' AND verdict = 'use'
),
cut AS (
    SELECT calendar.statement_id, calendar.from_day, day_of_use.day
    FROM relevant AS calendar
    JOIN day_of_use ON day_of_use.patient_id = calendar.patient_id
        AND day_of_use.day BETWEEN calendar.from_day AND calendar.to_day
    WHERE calendar.source = 'use_windows'
    UNION ALL
    SELECT statement_id, from_day, to_day + 1
    FROM relevant
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
    relevant.statement_id, relevant.patient_id, relevant.source, relevant.source_rank,
    relevant.verdict, stretch.from_day, stretch.to_day, relevant.known_on, relevant.subject
FROM relevant JOIN stretch ON stretch.statement_id = relevant.statement_id
WHERE stretch.from_day <= stretch.to_day
UNION ALL
SELECT
    statement_id, patient_id, source, source_rank, verdict, from_day, to_day, known_on, subject
FROM relevant
WHERE source <> 'use_windows'
