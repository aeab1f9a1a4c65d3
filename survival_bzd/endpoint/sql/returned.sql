{# What ended each spell of use: return to abstinence, which the endpoint confirms as it does the
   origin, a competing event on that day or before, or the end of observation, when it is closed on
   the last day of use. #}
{% from 'origin.sql' import runs, stops with context %}
WITH search AS (
    SELECT patient_id, decided_on AS day, fell_silent, file, line
    FROM decided
    WHERE event = 1 AND decision <> 'not_reached'
),
{% if stops_by_fills %}
{{ stops(origin.clock | default('confirmed')) }},
{% else %}
{{ runs(origin.negatives | default(1), origin.at) }},
{% endif %}
last_use AS (
    SELECT
        assessed_day.patient_id, assessed_day.day, assessed_day.statement_id,
        ROW_NUMBER() OVER (PARTITION BY assessed_day.patient_id ORDER BY assessed_day.day DESC) AS place
    FROM assessed_day
    JOIN search ON search.patient_id = assessed_day.patient_id
    WHERE assessed_day.used = 1 AND assessed_day.day >= search.day
),
ended AS (
    SELECT
        search.*, observation.patient_line, found.statement_id AS free_statement,
        last_use.statement_id AS use_statement, last_use.day AS last_use_day, found.day AS free_day,
        observation.competing_day, observation.competing_outcome, observation.competing_line,
        CASE
            WHEN found.day < COALESCE(observation.competing_day, {{ never }}) THEN 'returned'
            WHEN observation.competing_day <= COALESCE(observation.end_day, {{ never }}) THEN 'competing'
            ELSE 'end'
        END AS decision
    FROM search
    JOIN observation ON observation.patient_id = search.patient_id
    LEFT JOIN found ON found.patient_id = search.patient_id AND found.place = 1
    LEFT JOIN last_use ON last_use.patient_id = search.patient_id AND last_use.place = 1
)
SELECT
    ended.patient_id, ended.patient_line, ended.decision, ended.free_statement,
    CASE ended.decision
        WHEN 'returned' THEN ended.free_day
        WHEN 'competing' THEN ended.competing_day
        ELSE COALESCE(ended.last_use_day, ended.day)
    END AS stop_day,
    CASE ended.decision
        WHEN 'returned' THEN 'confirmed'
        WHEN 'competing' THEN ended.competing_outcome
        ELSE ended.fell_silent
    END AS reason,
    CASE ended.decision
        WHEN 'competing' THEN {{ files.outcomes | literal }}
        ELSE COALESCE(statement.file, ended.file)
    END AS file,
    CASE ended.decision
        WHEN 'competing' THEN ended.competing_line
        ELSE COALESCE(statement.line, ended.line)
    END AS line
FROM ended
LEFT JOIN statement ON statement.statement_id =
    CASE ended.decision WHEN 'returned' THEN ended.free_statement ELSE ended.use_statement END
